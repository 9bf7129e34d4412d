// The stock Node package `standardwebhooks`, asked about one signed request in every way that matters.
import { createRequire } from 'node:module';

const require = createRequire(process.env.NODE_PACKAGES + '/');
const { Webhook, WebhookVerificationError } = require('standardwebhooks');

const realNow = Date.now;

function verifies(secret, headers, body, seconds = 0) {
  Date.now = () => realNow() + seconds * 1000;
  try {
    new Webhook(secret).verify(body, headers, { jsonParse: false });
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  } finally {
    Date.now = realNow;
  }
}

// The stock verifier has a tolerance of 300 s; its clock is moved, the request stays as the server sent it.
export function judge({ headers, body }, secrets) {
  const stranger = 'whsec_' + Buffer.alloc(32, 7).toString('base64');
  return {
    new: verifies(secrets.new, headers, body),
    old: verifies(secrets.old, headers, body),
    stranger: verifies(stranger, headers, body),
    tampered: verifies(secrets.new, headers, body.slice(0, -2) + ' ' + body.slice(-2)),
    other_id: verifies(secrets.new, { ...headers, 'webhook-id': headers['webhook-id'] + 'x' }, body),
    in_time: verifies(secrets.new, headers, body, 290),
    stale: verifies(secrets.new, headers, body, 310),
    from_the_future: verifies(secrets.new, headers, body, -310),
  };
}
