// Requests and responses over MQTT 5: an optional part, imported as "mote-mqtt/requests".

export {
  type RequestOptions,
  type Requester,
  Requests,
  type RequestsOptions,
  type ResponseHandler,
} from "./client/v5/requests.ts";
export { Responder, type ResponderOptions } from "./client/v5/responder.ts";
