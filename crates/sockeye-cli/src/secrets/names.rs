//! Which names stand for something that nobody else may know: the one table for headers, queries, cookies and JSON.

use std::{mem, ops::Range};

use http::HeaderName;

/// How secret something is by its name.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Secrecy {
    /// It may be shown.
    #[default]
    Open,
    /// It is hidden where it stands. Elsewhere only if it is long: the name has other meanings.
    Likely,
    /// It is hidden wherever it turns up.
    Sure,
}

// One rule for all tables. A name is of words: `accessToken`, `user_password`, `x-sig`. One of those below makes it secret,
// alone or as two or three that stand side by side (`api_key`). A word of quantity and the like beside it makes it harmless
// again: `max_tokens`, `session_count`.

/// What makes a name secret, also where it is written in one with others: `dbpassword`, `tokenid`.
const ROOTS: &str = "token tkn secret password passwd passwort passphrase passcode passkey pwd jwt apikey authkey \
    accesskey privatekey secretkey signingkey licensekey licencekey credential signature session sessionid sessid cookie bearer csrf \
    xsrf hmac mnemonic saml auth oauth connectionstring securityquestion securityanswer securitycode motdepasse contraseña \
    пароль 密码 口令 密钥 令牌";
/// What does so as a word of its own alone, but not in `sight`, `spin` and `hotpot`.
const WORDS: &str = "2fa accesscode assertion authentication authn authorisation authorization authz clave cred cvc cvv dsn \
    grant mfa nonce otp ott pass pid pin pincode priv private pw recovery salt sas sid sig sso ssn ticket tok totp unlock \
    verifier";
/// Words that have other meanings as well.
const LIKELY: &str = "hash key sign";
/// Of those, what is written in one with others: `sshkey`.
const LIKELY_ROOTS: &str = "pass key";
/// Words that end as others do, by chance.
const BY_CHANCE: &str = "bypass compass donkey encompass hockey hotkey jockey monkey obsession overpass possession surpass \
    trespass turkey underpass whiskey";

/// Words that make it harmless if they stand before it: `max_tokens`.
const BEFORE: &str =
    "average avg cached completion max maximum min minimum num number prompt remaining sum total";
/// Words that do so behind it: `tokens_used`, `session_count`.
const BEHIND: &str = "age alg algo algorithm budget count created duration end ended expiration expires expiry format index \
    left len length limit max min name names policy position quota rate remaining required size start started strength time \
    timeout total ttl type types updated usage used version";
/// Words that do so on either side of what is only likely: `primaryKey`, `hash_tag`, `key_code`.
const MEANINGS: &str = "arrow binding board bucket cache code commit composite down event foreign frame group idempotency \
    index join language lookup map object partition path press pressed primary repeat routing row shard sort tag translation \
    unique up";
/// What is written in one behind a secret word, and leaves it secret: `sessionid`.
const COMPANIONS: &str = "code data header id pair phrase response sid str string text value";
/// Events whose arguments are secret, whatever those are called.
const EVENTS: &str = "authenticate login logon register signin signon signup unlock verify";

/// So many letters of a name are looked at, those at its end.
const LONGEST: usize = 200;

/// Headers that hold no secret. All others may.
const HARMLESS: &str = "accept accept-encoding accept-language accept-ranges access-control-allow-credentials \
    access-control-allow-headers access-control-allow-methods access-control-allow-origin \
    access-control-expose-headers access-control-max-age access-control-request-headers \
    access-control-request-method age allow alt-svc cache-control cf-cache-status cf-ray connection \
    content-disposition content-encoding content-language content-length content-location content-range \
    content-security-policy content-type cross-origin-embedder-policy cross-origin-opener-policy \
    cross-origin-resource-policy date dnt etag expect expires forwarded host if-match if-modified-since if-none-match \
    if-range if-unmodified-since keep-alive last-modified location max-forwards nel \
    origin permissions-policy pragma priority proxy-connection range referer referrer-policy report-to retry-after \
    save-data sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user \
    sec-gpc sec-websocket-accept sec-websocket-extensions \
    sec-websocket-key sec-websocket-version server server-timing strict-transport-security te traceparent tracestate \
    trailer transfer-encoding upgrade upgrade-insecure-requests user-agent vary via x-amzn-trace-id x-b3-sampled \
    x-b3-spanid x-b3-traceid x-cache x-content-type-options x-correlation-id x-forwarded-for x-forwarded-host \
    x-forwarded-port x-forwarded-proto x-frame-options x-powered-by x-real-ip x-request-id x-requested-with x-served-by";

fn table(words: &str) -> impl Iterator<Item = &str> {
    words.split(' ')
}

fn holds(words: &str, word: &str) -> bool {
    table(words).any(|known| known == word)
}

/// Of a name in JSON.
pub(super) fn of_member(name: &str) -> Secrecy {
    if holds(HARMLESS, &name.to_ascii_lowercase()) {
        // Traces hold headers as members.
        return Secrecy::Open;
    }
    // Whoever sends longer ones wants to see us busy.
    let cut = name.char_indices().rev().nth(LONGEST).map_or(0, |(at, _)| at);
    let words = words(&name[cut..]);
    let starts = 0..words.len();
    let runs =
        starts.flat_map(|from| (from + 1..=words.len().min(from + 3)).map(move |to| from..to));
    let of_run = |run: Range<usize>| {
        let secrecy = of_word(&words[run.clone()].concat());
        let is = |table, word: Option<&String>| word.is_some_and(|word| holds(table, word));
        let (before, behind) = (words[..run.start].last(), words.get(run.end));
        // Past others that are secret: `session_token_count`.
        let last = words[run.end..].iter().find(|word| of_word(word) == Secrecy::Open);
        let is_other = secrecy == Secrecy::Likely && (is(MEANINGS, before) || is(MEANINGS, behind));
        if is(BEFORE, before) || is(BEHIND, last) || is_other { Secrecy::Open } else { secrecy }
    };
    runs.map(of_run).max().unwrap_or(Secrecy::Open)
}

/// Of one word, or of some that are written in one.
fn of_word(word: &str) -> Secrecy {
    let is_in =
        |table| holds(table, word) || word.strip_suffix('s').is_some_and(|one| holds(table, one));
    // Chinese puts no spaces between words.
    let is_inside = |root: &str| !root.is_ascii() && word.contains(root);
    if is_in(ROOTS) || is_in(WORDS) || table(ROOTS).any(is_inside) {
        Secrecy::Sure
    } else if is_in(LIKELY) {
        Secrecy::Likely
    } else {
        Secrecy::Open
    }
}

/// Of what stands before a `=`: a cookie, or anything else.
pub(super) fn of_field(name: &str) -> Secrecy {
    match name.eq_ignore_ascii_case("io") {
        // The cookie of Engine.IO with the id of a session.
        true => Secrecy::Sure,
        false => of_member(name),
    }
}

/// Of a field in the query of a URL. There `code` is OAuth's, and lets in whoever has it; everywhere else it is what
/// errors have.
pub(super) fn of_query(name: &str) -> Secrecy {
    match name.eq_ignore_ascii_case("code") {
        true => Secrecy::Likely,
        false => of_field(name),
    }
}

/// Whether a text is the name of a header, or of a secret, and so is none itself.
pub(super) fn is_known(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    holds(HARMLESS, &name) || of_word(&name) > Secrecy::Open
}

/// Of a header.
pub(super) fn of_header(name: &HeaderName) -> Secrecy {
    if holds(HARMLESS, name.as_str()) {
        return Secrecy::Open;
    }
    of_member(name.as_str()).max(Secrecy::Likely)
}

/// Whether a typed line has a word that a secret is likely to follow.
pub(super) fn in_line(line: &str) -> bool {
    let names = line.split(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)));
    names.filter(|name| !name.is_empty()).any(|name| {
        let words = words(name);
        of_query(name) > Secrecy::Open
            || holds(EVENTS, &words.concat())
            || words.iter().any(|word| holds(EVENTS, word))
    })
}

/// The words of a name in lower case, without numbers behind them: `userPin2` is of `user` and `pin`. One that ends with a
/// secret one is two, `dbpassword`, and so is one that begins so if the rest is a word that we know, `tokenid`; `secretary`
/// is one.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in name.split(|c: char| !c.is_alphanumeric()) {
        let mut word = String::new();
        let mut before = ' ';
        let mut letters = part.chars().peekable();
        while let Some(c) = letters.next() {
            let ends_acronym =
                before.is_uppercase() && letters.peek().is_some_and(|c| c.is_lowercase());
            if c.is_uppercase()
                && (before.is_lowercase() || before.is_ascii_digit() || ends_acronym)
            {
                words.push(mem::take(&mut word));
            }
            word.extend(c.to_lowercase());
            before = c;
        }
        words.push(word);
    }
    let bare = |word: &String| {
        let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
        if bare.is_empty() { word.clone() } else { bare.to_owned() }
    };
    words.iter().map(bare).filter(|word| !word.is_empty()).flat_map(|word| split(&word)).collect()
}

/// What a word is of that is written in one.
fn split(word: &str) -> Vec<String> {
    let is_whole = of_word(word) > Secrecy::Open || holds(BY_CHANCE, word);
    let one = word.strip_suffix('s').filter(|one| !one.ends_with('s')).unwrap_or(word);
    let at_end = || {
        let mut roots = table(ROOTS).chain(table(LIKELY_ROOTS));
        roots.find_map(|root| one.strip_suffix(root).map(|rest| (rest, root)))
    };
    let is_known = |rest: &str| {
        of_word(rest) > Secrecy::Open
            || [BEHIND, MEANINGS, COMPANIONS].iter().any(|table| holds(table, rest))
    };
    let at_begin = || {
        let mut roots = table(ROOTS);
        roots.find_map(|root| {
            word.strip_prefix(root).filter(|rest| is_known(rest)).map(|rest| (root, rest))
        })
    };
    match (!is_whole).then(|| at_end().or_else(at_begin)).flatten() {
        Some((first, second)) => {
            [first, second].into_iter().filter(|word| !word.is_empty()).flat_map(split).collect()
        }
        None => vec![word.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_secret() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(expect: Secrecy, names: &str) {
            for name in names.split_whitespace() {
                assert_eq!(of_member(name), expect, "{name}");
            }
        }
        use Secrecy::{Likely, Open, Sure};
        check(Sure, "dsn connection_string 密码 用户密码 пароль contraseña mot_de_passe clave");
        check(
            Sure,
            "token accessToken refresh_token X-Auth-Token tokens idToken2 secret client_secret tkn accessTkn",
        );
        check(
            Sure,
            "accesstoken clientsecret dbpassword tokenid sessionid passwordhash csrfmiddlewaretoken",
        );
        check(
            Sure,
            "password passwd Passwort passphrase passcode pass_phrase pass userPass pw pwd DB_PWD jwt",
        );
        check(
            Sure,
            "JWTToken APIKey apiKey api_key apikey AWSAccessKeyId private-key SECRET_KEY license_key",
        );
        check(
            Sure,
            "x-amz-signature sig X-SIG otp otpCode totp 2fa mfa pin pins pin_code csrf tok priv",
        );
        check(
            Sure,
            "recovery recoveryCode unlock unlock_code security_question securityAnswer pincode",
        );
        check(
            Sure,
            "xsrf-token _csrf sid connect.sid PHPSESSID JSESSIONID session sessionId cookie bearer",
        );
        check(
            Sure,
            "auth authorization oauth2 userAuth credentials creds ticket nonce cvv SAMLResponse",
        );
        check(
            Sure,
            "user[password] private assertion code_verifier hmac sas pid dbpass userPincode",
        );
        check(Likely, "key keys publicKey hash sign sshkey sshKey2");
        check(
            Open,
            "author authors authority room name user chat code message monkey keyboard hotpot side",
        );
        check(
            Open,
            "compass hotkey pinned signal design state io id EIO transport t secretary obsession",
        );
        check(Open, "answer question license tokenizer passenger unlocked keystone  content-type");
        // What stands beside them makes these harmless.
        check(
            Open,
            "tokens_used max_tokens maxTokens maxtokens token_count tokencount totalPromptTokens",
        );
        check(
            Open,
            "session_count sessionDuration session_token_count api_key_count token_type expires_at",
        );
        check(
            Open,
            "access_token_expires_in password_length cookieName pass_count signature_algorithm",
        );
        check(Open, "hash_tag hashtag sort_key primaryKey primarykey foreign_key key_code keyCode");
        check(
            Open,
            "Sec-WebSocket-Key sec-websocket-key ETag X-Request-Id X-Forwarded-For Traceparent",
        );
        // But not these.
        check(
            Sure,
            "used_token token_used_secret primary_token sort_secret max_tokens_secret secret_code",
        );
    }

    #[test]
    fn queries_and_cookies_have_more() {
        for name in ["io", "ticket", "token", "sid"] {
            assert_eq!(of_field(name), Secrecy::Sure, "{name}");
            assert_eq!(of_query(name), Secrecy::Sure, "{name}");
        }
        assert_eq!((of_query("code"), of_query("room")), (Secrecy::Likely, Secrecy::Open));
        assert_eq!((of_field("code"), of_member("code")), (Secrecy::Open, Secrecy::Open));
    }

    #[test]
    fn headers_are_secret_unless_they_are_known() {
        let of = |name: &'static str| of_header(&HeaderName::from_static(name));
        for name in table(HARMLESS) {
            assert_eq!(of(name), Secrecy::Open, "{name}");
        }
        for name in ["x-sig", "jwt", "authorization", "cookie", "set-cookie", "passphrase"] {
            assert_eq!(of(name), Secrecy::Sure, "{name}");
        }
        for name in ["x-tenant", "sec-websocket-protocol", "x-forwarded-user", "x-a"] {
            assert_eq!(of(name), Secrecy::Likely, "{name}");
        }
    }
}
