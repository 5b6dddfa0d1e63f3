// What the page of voters asks of the services. Only requests to the authentication service say who the voter is, and they
// alone go with the credentials of this origin, because browsers keep a connection of its own for requests without any.

const PATIENCE = 30000;
// Nobody waits longer for what the ballot can be cast without.
const SHORT_PATIENCE = 5000;
const AWAY = new Set([502, 503, 504]);

// Nobody answered, or not yet; the same may be asked again.
class Lost extends Error {}

// A service says no, in a sentence.
class Refused extends Error {
  constructor(status, detail, field) {
    super(detail);
    Object.assign(this, { status, detail, field });
  }
}

class Services {
  constructor({ account, station, results }) {
    Object.assign(this, { account, station, results });
    this.tokens = null;
    this.challenge = null;
  }

  // Says what is missing after the password: nothing, a "code", or that a second factor has to be "set_up" elsewhere.
  async logIn(login, password) {
    this.challenge = null;
    const said = await ask(`${this.account}api/login`, { body: { login, password }, credentials: "same-origin" });
    if (said.second_factor) this.challenge = said.challenge;
    else this.tokens = said;
    return said.second_factor ?? null;
  }

  async sendCode(code) {
    const body = { challenge: this.challenge, code };
    this.tokens = await ask(`${this.account}api/login/code`, { body, credentials: "same-origin" });
    this.challenge = null;
  }

  // The session ends with the signature: from there on nothing says who the voter is.
  async logOut() {
    const { refresh_token: token } = this.tokens ?? {};
    this.tokens = null;
    if (!token) return;
    try {
      await ask(`${this.account}api/logout`, { method: "POST", token, credentials: "same-origin" });
    } catch {
      // It ends by itself, and this page has forgotten it.
    }
  }

  async ownElections() {
    return (await this.#asVoter("api/elections")).items;
  }

  async sign(ballot) {
    const body = { blinded: ballot.blinded };
    return (await this.#asVoter(`api/elections/${ballot.election}/signature`, { body })).signature;
  }

  ballotPaper(election) {
    return ask(`${this.station}api/elections/${election}/ballot-paper`);
  }

  // What the services show of an election: the key, which the three have no other way of saying alike than to be honest;
  // and whether it publishes how each ballot was cast, of which one that says so is enough to warn the voter. For a ballot
  // that is signed the authentication service is not asked: it would see from where, the moment before the ballot is cast.
  async shown(election, paper, isSigned) {
    const [results, account] = await Promise.all([
      ask(`${this.results}api/elections/${election}`),
      ...(isSigned ? [] : [ask(`${this.account}api/voter-elections/${election}/key`)]),
    ]);
    return {
      keys: [paper, results, account].filter(Boolean).map((one) => one.ballot_key),
      publishes: paper.choices_public || results.choices_public,
    };
  }

  async cast({ election, guid, prefix, signature }, pollNumber) {
    const body = { guid, poll_number: pollNumber, prefix, signature };
    await ask(`${this.station}api/elections/${election}/ballots`, { body });
  }

  // What the public list says of a ballot: whether it is counted, and whether it came again; nothing while it is not
  // recorded, and while nobody can say.
  async receipt({ election, guid }) {
    try {
      return await ask(`${this.results}api/elections/${election}/receipts/${guid}`, { patience: SHORT_PATIENCE });
    } catch {
      return {};
    }
  }

  async #asVoter(path, given = {}) {
    const token = this.tokens?.access_token;
    try {
      return await ask(this.account + path, { ...given, token, credentials: "same-origin" });
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.tokens = null;
      throw error;
    }
  }
}

async function ask(address, { body, method, token, credentials = "omit", patience = PATIENCE } = {}) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer;
  let said;
  try {
    answer = await fetch(address, {
      method: method ?? (body ? "POST" : "GET"),
      headers,
      body: body && JSON.stringify(body),
      credentials,
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(patience),
    });
    said = answer.status === 204 ? {} : await answer.json();
  } catch (error) {
    throw new Lost(String(error));
  }
  if (AWAY.has(answer.status)) throw new Lost(said.detail);
  if (!answer.ok) throw new Refused(answer.status, said.detail ?? answer.statusText, said.errors?.[0]?.field);
  return said;
}

export { Lost, Refused, Services };
