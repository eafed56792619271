//! Which names stand for something that nobody else may know: the one table for headers, queries, cookies and JSON.

use http::HeaderName;

/// How secret something is by its name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Secrecy {
    /// It may be shown.
    Open,
    /// It is hidden where it stands. Elsewhere only if it is long: the name has other meanings.
    Likely,
    /// It is hidden wherever it turns up.
    Sure,
}

/// What makes a name secret wherever it stands in it: `accessToken`, `user_password`.
const PARTS: &str = "token secret passw passphrase passcode passkey pwd jwt apikey authkey accesskey privatekey \
    signingkey credential signature session sessid cookie bearer csrf xsrf hmac mnemonic saml connectionstring \
    密码 口令 密钥 令牌 пароль contraseña motdepasse";
/// What does so as a word of its own: `x-sig`, `otpCode`, but not `sight` and `hotpot`.
const WORDS: &str = "2fa assertion clave creds cred cvc cvv dsn grant mfa nonce otp otps ott pass pid pin private pw salt sas \
    sid sig sso ssn ticket totp verifier";
/// Words that have other meanings as well.
const LIKELY: &str = "hash key keys sign";
/// What a word ends with that is likely to be one of those above, written in one with others: `dbpass`, `sshkey`.
const ENDS: &str = "pass key pincode accesscode securitycode";
/// Words that end so by chance.
const BY_CHANCE: &str = "bypass compass donkey encompass hockey hotkey jockey monkey overpass surpass trespass turkey \
    underpass whiskey";
/// Events whose arguments are secret, whatever those are called.
const EVENTS: &str = "login logon register signin signon signup unlock verify";

/// Headers that hold no secret. All others may.
const HARMLESS: &str = "accept accept-encoding accept-language accept-ranges access-control-allow-credentials \
    access-control-allow-headers access-control-allow-methods access-control-allow-origin \
    access-control-expose-headers access-control-max-age access-control-request-headers \
    access-control-request-method age allow alt-svc cache-control cf-cache-status cf-ray connection \
    content-encoding content-language content-length content-location content-security-policy \
    content-type cross-origin-embedder-policy cross-origin-opener-policy \
    cross-origin-resource-policy date etag expect expires host keep-alive last-modified location nel \
    origin permissions-policy pragma proxy-connection referer referrer-policy report-to retry-after \
    sec-fetch-dest sec-fetch-mode sec-fetch-site sec-websocket-accept sec-websocket-extensions \
    sec-websocket-key sec-websocket-version server server-timing strict-transport-security te \
    trailer transfer-encoding upgrade user-agent vary via x-content-type-options x-frame-options \
    x-powered-by x-requested-with";

fn table(words: &str) -> impl Iterator<Item = &str> {
    words.split(' ')
}

fn holds(words: &str, word: &str) -> bool {
    table(words).any(|known| known == word)
}

fn ends(word: &str) -> bool {
    table(ENDS).any(|end| word.ends_with(end))
}

/// Of a name in JSON.
pub(super) fn of_member(name: &str) -> Secrecy {
    if holds(HARMLESS, name) {
        // Traces hold headers as members.
        return Secrecy::Open;
    }
    let words = words(name);
    let plain = words.concat();
    // But not an author.
    let has_auth = plain.contains("auth")
        && (!plain.contains("author") || plain.contains("authoriz") || plain.contains("authoris"));
    let has = |table: &str| words.iter().any(|word| holds(table, word));
    if has_auth || table(PARTS).any(|part| plain.contains(part)) || has(WORDS) {
        Secrecy::Sure
    } else if has(LIKELY) || words.iter().any(|word| ends(word) && !holds(BY_CHANCE, word)) {
        Secrecy::Likely
    } else {
        Secrecy::Open
    }
}

/// Of a field in a query, or of a cookie.
pub(super) fn of_field(name: &str) -> Secrecy {
    match &*name.to_ascii_lowercase() {
        // The cookie of Engine.IO with the id of a session.
        "io" => Secrecy::Sure,
        // OAuth's. In JSON it is what errors have.
        "code" => Secrecy::Likely,
        _ => of_member(name),
    }
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
        of_field(name) > Secrecy::Open
            || holds(EVENTS, &words.concat())
            || words.iter().any(|word| holds(EVENTS, word))
    })
}

/// The words of a name in lower case, without numbers behind them: `userPin2` is of `user` and `pin`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        let begins = c.is_uppercase() && was_lower;
        if begins || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    for word in &mut words {
        let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
        if !bare.is_empty() {
            word.truncate(bare.len());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_secret() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(names: &str, expect: Secrecy) {
            for name in names.split(' ') {
                assert_eq!(of_member(name), expect, "{name}");
            }
        }
        check("dsn connection_string 密码 пароль contraseña mot_de_passe clave", Secrecy::Sure);
        check(
            "token accessToken refresh_token X-Auth-Token tokens idToken2 secret client_secret",
            Secrecy::Sure,
        );
        check(
            "password passwd Passwort passphrase passcode pass userPass pw pwd DB_PWD jwt JWTToken",
            Secrecy::Sure,
        );
        check(
            "apiKey api_key apikey x-amz-signature sig X-SIG otp otpCode totp 2fa mfa pin csrf",
            Secrecy::Sure,
        );
        check(
            "xsrf-token _csrf sid connect.sid PHPSESSID JSESSIONID session sessionId cookie bearer",
            Secrecy::Sure,
        );
        check(
            "auth authorization oauth2 userAuth credentials creds ticket nonce cvv SAMLResponse",
            Secrecy::Sure,
        );
        check("user[password] private assertion code_verifier hmac sas pid", Secrecy::Sure);
        check("key publicKey hash sign dbpass sshkey userPincode", Secrecy::Likely);
        check(
            "author authors room name user chat code message monkey keyboard hotpot compass hotkey side",
            Secrecy::Open,
        );
        check(
            "pinned signal design state io id EIO transport t  content-type sec-websocket-key",
            Secrecy::Open,
        );
    }

    #[test]
    fn queries_and_cookies_have_more() {
        for name in ["io", "ticket", "token", "sid"] {
            assert_eq!(of_field(name), Secrecy::Sure, "{name}");
        }
        assert_eq!((of_field("code"), of_field("room")), (Secrecy::Likely, Secrecy::Open));
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
        for name in ["x-tenant", "sec-websocket-protocol", "x-forwarded-for", "x-a"] {
            assert_eq!(of(name), Secrecy::Likely, "{name}");
        }
    }
}
