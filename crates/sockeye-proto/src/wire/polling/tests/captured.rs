//! POSTs as real clients sent them, caught on loopback: npm `engine.io-client` 6.6 and 3.5, in Node and in Chromium.

use super::*;

#[track_caller]
fn check(version: Version, content_type: &str, body: &[u8], items: &[Item<'_>]) {
    let format = Format::of_request(version, Some(content_type)).unwrap();
    check_decode(format, body, items, None);
}

const TEXT: &str = "text/plain;charset=UTF-8";

#[test]
fn posts_of_engine_io_client_6() {
    let check = |body: &[u8], items: &[Item<'_>]| check(Version::V4, TEXT, body, items);

    // In both places.
    check(b"42[\"one\"]", &[text(r#"42["one"]"#)]);
    check(b"bAQIDBA==", &[binary(&[1, 2, 3, 4])]);
    check(b"1", &[text("1")]);
    // Node: a binary message on its own, what was sent while that request ran, a view into a buffer, half a pair of
    // surrogates.
    check(
        b"42[\"\xE2\x82\xAC \xF0\x9F\x98\x80 \xC3\xA9\\u001e\"]",
        &[text(r#"42["€ 😀 é\u001e"]"#)],
    );
    check(
        b"b\x1EbBB7/\x1E42[\"\xC3\xA9\"]",
        &[binary(b""), binary(&[4, 30, 255]), text(r#"42["é"]"#)],
    );
    check(b"bCAc=", &[binary(&[8, 7])]);
    check(b"42[\"lone \xEF\xBF\xBD\"]", &[text("42[\"lone \u{FFFD}\"]")]);
    // Chromium: all of a packet in one request, blobs.
    check(
        b"452-[\"\xE2\x82\xAC \xF0\x9F\x98\x80\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]\x1Eb\x1EbBB7/\x1E42[\"\xC3\xA9\"]",
        &[text(TWO), binary(b""), binary(&[4, 30, 255]), text(r#"42["é"]"#)],
    );
    check(b"bBQY=", &[binary(&[5, 6])]);
    check(b"b\x1E42[\"lone \xEF\xBF\xBD\"]", &[binary(b""), text("42[\"lone \u{FFFD}\"]")]);
}

#[test]
fn posts_of_engine_io_client_3() {
    let check = |content_type, body: &[u8], items: &[Item<'_>]| {
        check(Version::V3, content_type, body, items);
    };

    // In both places.
    check(TEXT, b"9:42[\"one\"]", &[text(r#"42["one"]"#)]);
    check(TEXT, b"1:1", &[text("1")]);
    // Node, and Chromium with `forceBase64`: binary messages in text.
    check(TEXT, b"10:b4AQIDBA==", &[binary(&[1, 2, 3, 4])]);
    check(
        TEXT,
        b"18:42[\"\xE2\x82\xAC \xF0\x9F\x98\x80 \xC3\xA9\\u001e\"]",
        &[text(r#"42["€ 😀 é\u001e"]"#)],
    );
    check(
        TEXT,
        b"2:b46:b4BB7/7:42[\"\xC3\xA9\"]",
        &[binary(b""), binary(&[4, 30, 255]), text(r#"42["é"]"#)],
    );
    check(TEXT, b"6:b4CAc=", &[binary(&[8, 7])]);
    check(TEXT, b"12:42[\"lone \xEF\xBF\xBD\"]", &[text("42[\"lone \u{FFFD}\"]")]);
    check(
        TEXT,
        b"72:452-[\"\xE2\x82\xAC \xF0\x9F\x98\x80\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]2:b46:b4BB7/7:42[\"\xC3\xA9\"]",
        &[text(TWO), binary(b""), binary(&[4, 30, 255]), text(r#"42["é"]"#)],
    );
    check(TEXT, b"2:b412:42[\"lone \xEF\xBF\xBD\"]", &[binary(b""), text("42[\"lone \u{FFFD}\"]")]);
    // Chromium: bodies with binary messages are binary, those without are text.
    check(OCTETS, b"\x01\x05\xFF\x04\x01\x02\x03\x04", &[binary(&[1, 2, 3, 4])]);
    check(TEXT, b"10:42[\"\xE2\x82\xAC \xF0\x9F\x98\x80\"]", &[text(r#"42["€ 😀"]"#)]);
    check(
        OCTETS,
        b"\x00\x07\x06\xFF452-[\"\xE2\x82\xAC \xF0\x9F\x98\x80\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]\x01\x01\xFF\x04\x01\x04\xFF\x04\x04\x1E\xFF\x00\x08\xFF42[\"\xC3\xA9\"]",
        &[text(TWO), binary(b""), binary(&[4, 30, 255]), text(r#"42["é"]"#)],
    );
    check(OCTETS, b"\x01\x03\xFF\x04\x05\x06", &[binary(&[5, 6])]); // a blob
    check(
        OCTETS,
        b"\x01\x01\xFF\x04\x00\x01\x04\xFF42[\"lone \xEF\xBF\xBD\"]",
        &[binary(b""), text("42[\"lone \u{FFFD}\"]")],
    );
}

const TWO: &str = r#"452-["€ 😀",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
