// What @moddable/typings lacks: XS's way to a function in C.
declare function native(name: string): (...values: unknown[]) => unknown;
