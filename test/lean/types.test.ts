// A program that uses the lean client goes on to work with the full one: each thing's face is the other's.

import { expectTypeOf, test } from "vitest";
import type * as full from "../../src/index.ts";
import type * as lean from "../../src/lean/index.ts";

/** What a program may use of a class. */
type Face<Class> = { [Name in keyof Class as Name extends `_${string}` ? never : Name]: Class[Name] };
/** What the full client has for the functions that call it: its framer, its transport and its session. */
type Inner = `on${"Open" | "Close" | "Writable" | "Data" | "Packet" | "Malformed" | "LargePublish" | "LargePayload"}`;
type Handlers = "onMessage" | "onSkipped";

test("the client has all that the full one has, with the same types", () => {
  expectTypeOf<keyof Omit<Face<lean.Client>, Inner>>().toEqualTypeOf<keyof Omit<Face<full.Client>, Inner>>();
  type Wanted = Omit<Face<full.Client>, Inner | Handlers | "publisher" | "subscribe">;
  expectTypeOf<lean.Client>().toExtend<Wanted>();
});

test("what its functions take and give has the face that the full one's has", () => {
  expectTypeOf<full.ClientOptions>().toExtend<lean.ClientOptions>();
  expectTypeOf<ConstructorParameters<typeof lean.Client>>().toEqualTypeOf<[full.Platform, lean.ClientOptions]>();
  expectTypeOf<Parameters<lean.Client["publisher"]>>().toExtend<Parameters<full.Client["publisher"]>>();
  expectTypeOf<lean.Publisher>().toExtend<Pick<full.Publisher, "publish">>();
  expectTypeOf<lean.Subscription>().toExtend<Omit<Face<full.Subscription>, "onGranted">>();
  expectTypeOf<lean.Subscription["onGranted"]>().toEqualTypeOf<full.Subscription["onGranted"]>();
  expectTypeOf<Face<lean.Message>>().toEqualTypeOf<Face<full.Message>>();
  type Handler = (message: lean.Message) => void;
  expectTypeOf<Parameters<lean.Client["subscribe"]>>().toEqualTypeOf<[filter: string, qos: 0 | 1, handler: Handler]>();
  expectTypeOf<ReturnType<lean.Client["subscribe"]>>().toEqualTypeOf<lean.Subscription>();
  expectTypeOf<lean.Client[Handlers]>().toEqualTypeOf<Handler | undefined>();
});

test("a handler for the full client's messages is one for the lean client's, when it uses their face", () => {
  expectTypeOf<(message: Face<full.Message>) => void>().toExtend<lean.MessageHandler>();
});

test("it exports nothing that the full one does not", () => {
  expectTypeOf<Exclude<keyof typeof lean, keyof typeof full>>().toBeNever();
  expectTypeOf<lean.Published>().toEqualTypeOf<full.Published>();
  expectTypeOf<lean.Payload>().toEqualTypeOf<full.Payload>();
  expectTypeOf<lean.WillOptions>().toEqualTypeOf<full.WillOptions>();
  expectTypeOf<lean.PublisherOptions>().toExtend<full.PublisherOptions>();
});
