/**
 * Gives an object methods of its own in front of its class's, by names that the compiler may shorten. They are defined, not
 * assigned: XS refuses to assign what a class has that is frozen into flash. Another part may put its own before them.
 */
export function define<T extends object>(object: T, methods: Partial<T>): void {
  const names = Object.keys(methods) as (keyof T)[];
  for (let index = 0; index < names.length; index++) {
    Object.defineProperty(object, names[index]!, { value: methods[names[index]!], configurable: true });
  }
}
