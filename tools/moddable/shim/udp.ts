// `embedded:io/socket/udp`: the shim's resolver sends nothing.

export default class UDP {}
