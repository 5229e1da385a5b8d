// Never begins: the network, `never` here, is not there.

trace("begun\n");
