import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { providerName } from "./failures.ts";

/** The name of the token wherever secrets lie. */
export const tokenName = "REPLICATE_API_TOKEN";

/** A token and the source that it is from: environment, file, aws or vault. */
export interface AccountToken {
  value: string;
  source: string;
}

/** The token as of now; throws `provider_token_missing` when there is none or it cannot be one. */
export function usableToken(find: () => Promise<AccountToken | null>): () => Promise<AccountToken> {
  return async () => {
    const token = await find();
    if (token === null) throw missing(`${tokenName} is not set.`);
    if (!/^[\x21-\x7e]+$/.test(token.value))
      throw missing(`${tokenName} of the ${token.source} holds a blank or a letter that no token has.`);
    return token;
  };
}

function missing(reason: string): Error {
  return fail("provider_token_missing", { provider: providerName, reason });
}
