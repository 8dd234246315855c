//! The steps that a server does as one.

use redis::Script;

/// Returns a value, unless it is larger than `ARGV[1]` bytes.
const GET: &str = "
if redis.call('STRLEN', KEYS[1]) > tonumber(ARGV[1]) then
  return redis.error_reply('AIRSSYSLARGE the value is too large')
end
return redis.call('GET', KEYS[1])
";

/// Returns the values of keys, unless they have more than `ARGV[1]` bytes together.
const GET_MANY: &str = "
local bytes = 0
for _, key in ipairs(KEYS) do bytes = bytes + redis.call('STRLEN', key) end
if bytes > tonumber(ARGV[1]) then
  return redis.error_reply('AIRSSYSLARGE the values are too large')
end
return redis.call('MGET', unpack(KEYS))
";

/// Sets a value to `ARGV[1]` if its version is `ARGV[2]`; it expires after `ARGV[3]` ms, or never.
const SWAP: &str = "
local present = redis.call('GET', KEYS[1])
if not present or redis.sha1hex(present) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
end
return 1
";

/// The scripts of a client.
pub(crate) struct Scripts {
    pub(crate) get: Script,
    pub(crate) get_many: Script,
    pub(crate) swap: Script,
}

impl Default for Scripts {
    fn default() -> Scripts {
        Scripts { get: Script::new(GET), get_many: Script::new(GET_MANY), swap: Script::new(SWAP) }
    }
}

/// Returns the version of a value: its digest, as the script computes it.
pub(crate) fn version(value: &[u8]) -> String {
    use std::fmt::Write;
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, value);
    digest.as_ref().iter().fold(String::with_capacity(40), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}
