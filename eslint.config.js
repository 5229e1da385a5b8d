import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

/** Refuses imports of the named folders: the direction of imports is tools -> platforms -> src, client -> session -> packet. */
const refuse = (...folders) => ({
  "no-restricted-imports": [
    "error",
    {
      patterns: [
        {
          regex: `(^|/)(${folders.join("|")})(/|$)`,
          message: "Imports run one way: tools -> platforms -> src, and within src client -> session -> packet.",
        },
        ...(folders.includes("platforms")
          ? [
              {
                regex: "^[^.]",
                message: "What runs on a device imports nothing from outside: zero dependencies on a chip.",
              },
            ]
          : []),
      ],
    },
  ],
});

/** What Espruino cannot run and esbuild does not lower, or what allocates unseen on XS. */
const deviceDialect = {
  "prefer-spread": "off", // Espruino has no spread
  "no-loop-func": "error", // Espruino shares a loop's variables among the functions made in it
  "no-restricted-syntax": [
    "error",
    {
      selector: "PrivateIdentifier",
      message: "Lowered to a WeakMap, which Espruino has not: use a name with a leading _.",
    },
    { selector: "LabeledStatement", message: "Espruino has no labels." },
    { selector: "YieldExpression", message: "Espruino has no generators." },
    { selector: "AwaitExpression", message: "Espruino has no async functions." },
    { selector: "ForOfStatement", message: "for-of allocates 8 slots on XS: count with an index." },
    { selector: "ForInStatement", message: "for-in allocates 23 slots on XS: count with an index." },
    {
      selector: "ObjectPattern, ArrayPattern",
      message: "Espruino has no destructuring, and esbuild does not lower it.",
    },
    { selector: "AssignmentPattern", message: "Espruino has no default parameters: use ??." },
    { selector: "RestElement, SpreadElement", message: "Espruino has no spread and no rest parameters." },
    { selector: "StaticBlock", message: "Espruino has no static blocks." },
    { selector: "MetaProperty", message: "Espruino has no new.target, and a chip no import.meta." },
    { selector: "Literal[bigint]", message: "Espruino has no BigInt." },
    { selector: "BinaryExpression[operator='**']", message: "Espruino has no **." },
    {
      selector: "AssignmentExpression[left.property.name='length'][right.value=0][left.object.type!='ThisExpression']",
      message: "Espruino cannot set the length of an array.",
    },
    {
      selector: "SwitchCase[test=null]:not(:last-child)",
      message: "Espruino runs no case after default.",
    },
    {
      selector: "CallExpression[callee.property.name='copyWithin']",
      message: "Espruino has no copyWithin: use copyBytes of src/packet/bytes.ts.",
    },
    {
      selector: "NewExpression[callee.name=/^(Map|Set|WeakMap|WeakSet|Proxy|TextEncoder|TextDecoder)$/]",
      message: "Espruino has no such class.",
    },
    {
      selector:
        "MemberExpression[object.name='Math'][property.name=/^(imul|clz32|trunc|fround|log10|log2|cbrt|hypot)$/]",
      message: "Espruino has no such Math function.",
    },
    {
      selector: "MemberExpression[object.name='Object'][property.name='freeze']",
      message: "Espruino has no Object.freeze.",
    },
  ],
};

export default defineConfig(
  { ignores: ["dist", "coverage"] },
  tseslint.configs.strict,
  {
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-extraneous-class": "off",
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  { files: ["**/*.mjs", "**/*.js"], rules: { "@typescript-eslint/explicit-module-boundary-types": "off" } },
  { files: ["src/**/*.ts", "platforms/espruino/**/*.ts"], rules: deviceDialect },
  { files: ["src/*.ts"], rules: refuse("platforms", "tools", "test") },
  { files: ["src/packet/**/*.ts"], rules: refuse("session", "client", "lean", "platforms", "tools", "test") },
  { files: ["src/session/**/*.ts"], rules: refuse("client", "lean", "platforms", "tools", "test") },
  { files: ["src/client/**/*.ts"], rules: refuse("lean", "platforms", "tools", "test") },
  { files: ["src/lean/**/*.ts"], rules: refuse("session", "platforms", "tools", "test") },
  { files: ["platforms/**/*.ts"], rules: refuse("tools", "test") },
  { files: ["tools/**/*.ts"], rules: refuse("test") },
);
