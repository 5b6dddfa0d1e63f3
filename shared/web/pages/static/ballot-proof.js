// What is signed of a voter's ballot, and how anybody checks it (docs/secret-ballot.md). It asks nobody and keeps nothing.

const LABEL = "Urna ballot v1";
const PREFIX_BYTES = 32;
const SALT_BYTES = 48;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const EXPONENT = "1,0,1";
const FEWEST_BITS = 2048;
const MOST_BITS = 4096;
const STEP_BITS = 256;
// What of a ballot is its receipt; the choice is in none.
const RECEIPT = ["election", "ballot_key", "guid", "prefix", "signature"];

const textOf = (bytes) => btoa(String.fromCharCode(...bytes));
const bytesOf = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
const hexOf = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const bytesOfHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

// An election's public key, with its length in bytes and the fingerprint by which people compare keys; throws for every
// key that is not fit for this.
async function readKey(text) {
  const der = bytesOf(text);
  const key = await crypto.subtle.importKey("spki", der, { name: "RSA-PSS", hash: "SHA-384" }, true, ["verify"]);
  const { modulusLength: bits, publicExponent } = key.algorithm;
  const isFit = bits >= FEWEST_BITS && bits <= MOST_BITS && bits % STEP_BITS === 0 && String(publicExponent) === EXPONENT;
  // One key has one fingerprint, so it is written in one way.
  const written = new Uint8Array(await crypto.subtle.exportKey("spki", key));
  if (!isFit || textOf(written) !== text) throw new Error("This is no ballot key.");
  return { key, text, size: bits / 8, fingerprint: hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", der))) };
}

// What a ballot's signature is about, before it is prepared: 40 bytes.
function ballotMessage(election, guid) {
  const message = new Uint8Array(40);
  message.set(new TextEncoder().encode(LABEL), 0);
  new DataView(message.buffer).setBigUint64(16, BigInt(election));
  message.set(bytesOfHex(guid.replaceAll("-", "")), 24);
  return message;
}

// The message with the random bytes in front, as it is signed.
function prepared(ballot) {
  return Uint8Array.from([...bytesOf(ballot.prefix), ...ballotMessage(ballot.election, ballot.guid)]);
}

// Whether the signature of a receipt is one of this key for its ballot.
async function isProven(key, receipt) {
  const signature = bytesOf(receipt.signature);
  const algorithm = { name: "RSA-PSS", saltLength: SALT_BYTES };
  return signature.length === key.size && crypto.subtle.verify(algorithm, key.key, signature, prepared(receipt));
}

const isBytes = (text, length) =>
  typeof text === "string" && BASE64.test(text) && text.length % 4 === 0 && (!length || bytesOf(text).length === length);

// Whether these are an election, a GUID and random bytes, as each ballot and each receipt has them.
function isBallot(found) {
  return (
    Number.isSafeInteger(found?.election) &&
    found.election > 0 &&
    typeof found.guid === "string" &&
    GUID.test(found.guid) &&
    isBytes(found.prefix, PREFIX_BYTES)
  );
}

const isReceipt = (found) => isBallot(found) && isBytes(found.signature) && found.signature.length > 0;

const receiptOf = (ballot) => Object.fromEntries(RECEIPT.map((name) => [name, ballot[name]]));

const forAddress = (text) => text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const fromAddress = (text) => {
  const plain = text.replaceAll("-", "+").replaceAll("_", "/");
  return plain.padEnd(Math.ceil(plain.length / 4) * 4, "=");
};

// A receipt as an address. It stands behind the #, which browsers send to nobody.
function addressOf(page, { election, guid, prefix, signature }) {
  return `${page}#${[election, guid, forAddress(prefix), forAddress(signature)].join(".")}`;
}

// The receipt of such an address or of what is behind its #; null for any other text.
function receiptIn(text) {
  const [election, guid, prefix, signature, ...more] = text.slice(text.lastIndexOf("#") + 1).trim().split(".");
  if (more.length || signature === undefined) return null;
  const found = {
    election: Number(election),
    guid: guid.toLowerCase(),
    prefix: fromAddress(prefix),
    signature: fromAddress(signature),
  };
  return isReceipt(found) ? found : null;
}

export {
  addressOf, ballotMessage, bytesOf, bytesOfHex, hexOf, isBallot, isBytes, isProven, isReceipt, prepared, readKey, receiptIn, receiptOf,
  textOf,
};
