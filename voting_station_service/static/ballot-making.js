// Makes a ballot that nobody can join to its voter: RSABSSA-SHA384-PSS-Randomized of RFC 9474, by @cloudflare/blindrsa-ts.
import { ballotMessage, bytesOf, bytesOfHex, hexOf, prepared, textOf } from "./ballot-proof.js";
import { RSABSSA } from "./blindrsa-ts/index.js";

const suite = RSABSSA.SHA384.PSS.Randomized();
const PREFIX_BYTES = 32;

// A new ballot, with the blinded message for the signer and the number that takes the blinding off again.
async function makeBallot(election, key) {
  const guid = crypto.randomUUID();
  const message = suite.prepare(ballotMessage(election, guid));
  const { blindedMsg, inv } = await suite.blind(key.key, message);
  return {
    election,
    ballot_key: key.text,
    guid,
    prefix: textOf(message.slice(0, PREFIX_BYTES)),
    blinded: textOf(blindedMsg),
    inverse: hexOf(inv),
  };
}

// The signature of a ballot from what the signer has answered; throws when that is no signature of what was sent.
async function unblind(key, ballot, answered) {
  const inverse = bytesOfHex(ballot.inverse.padStart(key.size * 2, "0"));
  return textOf(await suite.finalize(key.key, prepared(ballot), bytesOf(answered), inverse));
}

export { makeBallot, unblind };
