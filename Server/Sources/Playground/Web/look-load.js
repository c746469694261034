// Models from the server, from files and from addresses.
import { api } from "./ui.js";
import { pathOf } from "./look-scene.js";

const uploads = "/playground/look/models";

/** Describes a served model. */
export async function served(id, simplified) {
  return { ...(await api(pathOf({ id, simplified }))), simplified };
}

/** Describes the model of a file. */
export async function uploaded(file) {
  try {
    return await api(uploads, file);
  } catch (error) {
    // What is not binary is read as a model's text.
    const isText = file.name?.toLowerCase().endsWith(".onnx") && error.message.startsWith("line ");
    throw isText ? new Error(`this is no ONNX file: as text, ${error.message}`) : error;
  }
}

/** Describes the model that an address answers with. */
export async function fetched(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status} ${response.statusText}`);
  return api(uploads, await response.blob());
}

/** A part of the page's address as text. */
export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
