//! Expressions and what they say; texts that are none, and where.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn what_holds_and_what_does_not() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(text: &str, expect: bool) {
        let args = json!([
            {"reqId": "7", "code": 200, "big": 9007199254740993_u64, "ok": true, "no": false, "nil": null, "zero": 0, "empty": "",
             "items": [{"id": 1}, {"id": 2}], "text": "é", "a b": 1, "list": [1, 2.0]},
            "second"
        ]);
        let task = json!({"id": "7", "key": "k", "args": [{"reqId": "7"}], "odd name": 3, "list": [1.0, 2]});
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.is_true(&args, Some((&task).into())), expect, "{text}");
        assert_eq!(expression.to_string(), text);
    }
    check("$[0].code == 200", true);
    check("$[0].code == 200.0", true);
    check("$[0].code != 200", false);
    check("$[0].code < 400 and $[0].code >= 200", true);
    check("$[0].code > 200", false);
    check("$[0].code <= 200", true);
    check("$[0].code < \"400\"", false); // different types
    check("\"400\" > $[0].code", false);
    check("$[0].reqId == task.id", true);
    check("task.args[0].reqId == $[0].reqId", true);
    check("task[\"odd name\"] == 3 and task['odd name'] == 3", true);
    check("task.nothing == 1", false);
    check("task", true);
    check("$[0].big == 9007199254740993", true);
    check("$[0].big == 9007199254740992", false);
    check("$[0].list == task.list", true);
    check("$[1] == 'second'", true);
    check("$[1] > \"first\"", true);
    check("$[0].text == \"\\u00e9\"", true);
    check("$[0]['a b'] == 1", true);
    check("$[0].items[?@.id == 2].id == 2", true);
    check("$..id == 2", true); // one of several
    check("$..id != 2", false); // none of several
    check("$..id != 3", true);
    check("$[0].*", true);
    check("$.*", true);
    check("$.*.code == 200", true);
    check("$['code', 1] == 'second'", true);
    // Bare operands: there, and neither false nor null.
    check("$[0].ok", true);
    check("$[0].zero", true); // codes and counts, which say nothing against it
    check("$[0].empty", true);
    check("$[0].no", false);
    check("$[0].nil", false);
    check("$[0].missing", false);
    check("not $[0].missing", true);
    check("0", true);
    // What is not there is equal to nothing.
    check("$[0].missing == null", false);
    check("$[0].nil == null", true);
    check("$[0].missing == $[0].missing", false);
    check("$[0].missing != 1", true);
    check("$[0].missing < 1", false);
    // The loosest is `or`.
    check("true or false and false", true);
    check("(true or false) and false", false);
    check("not false and not not true", true);
    check("not (true and false)", true);
    check(" $[0].code==200 and$[0].ok ", true);
    check("'it\\'s' == \"it's\" and '\"' == \"\\\"\"", true);
}

#[test]
fn what_was_read_of_a_task_comes_before_what_was_written() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(text: &str, expect: bool) {
        let args = json!([{"reqId": 7, "text": "7", "point": 7.5}]);
        let whole = json!({"id": "theirs", "data": {"reqId": "7"}});
        let named = json!({"id": "7", "key": "k"});
        let task = Subject::new(named.as_object().unwrap(), &whole);
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.is_true(&args, Some(task)), expect, "{text}");
    }
    check("task.id == 'theirs'", false);
    check("task.key == 'k'", true);
    check("task.data.reqId == $[0].text", true);
    check("task.event", false);
    // An id is a text, and a number that is written so.
    check("$[0].reqId == task.id", true);
    check("task.id != $[0].reqId", false);
    check("$[0].text == task.id", true);
    check("$[0].point == task.id", false);
    check("$[0].reqId == task.data.reqId", false);
    check("$[0].reqId == $[0].text", false);
}

#[test]
fn a_task_that_is_a_list_has_names_and_indices() {
    let (whole, named) = (json!(["message", {"reqId": 3}]), json!({"id": "3"}));
    let task = Subject::new(named.as_object().unwrap(), &whole);
    let expression = Expression::parse("task.id == $[0] and task[1].reqId == $[0]").unwrap();
    assert!(expression.is_true(&json!([3]), Some(task)));
}

#[test]
fn without_a_task_nothing_of_it_is_there() {
    let args = json!([1]);
    assert!(!Expression::parse("task.id").unwrap().is_true(&args, None));
    assert!(Expression::parse("$[0] != task.id").unwrap().is_true(&args, None));
}

#[test]
fn what_is_wrong_is_told_with_its_column() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(text: &str, column: usize, expect: &str) {
        let error = Expression::parse(text).unwrap_err();
        assert!(error.to_string().contains(expect), "{text}: {error}");
        assert_eq!(error.column(), column, "{text}: {error}");
    }
    check("", 1, "it ends here; expected a path");
    check("$[0].code = 0", 11, "found \"=\"; expected \"==\"");
    check("$[0].code == ", 14, "it ends here; expected a path");
    check("$.ok", 2, "the arguments are a list: $[0].ok is that of the first");
    check("$[0].a and $['ok'] == 1", 13, "$[0]['ok'] is that of the first");
    check("not $.ok.x", 6, "$[0].ok.x is");
    check("code == 0", 1, "found \"code\"; expected a path");
    check("$[0] == 1 1", 11, "found \"1\"; expected and, or");
    check("($[0]", 6, "it ends here; expected \")\"");
    check("$[0] and", 9, "it ends here");
    check("é == 1", 1, "found \"é\"");
    check("'é' == 'x", 8, "a text that ends with '");
    check("1.2.3 == 1", 1, "a number");
    check("task. == 1", 6, "the name of a member");
    check("task[x] == 1", 6, "an index, or a name in quotes");
    check("task[1 == 1", 8, "expected \"]\"");
    check("\"\\x\" == 1", 1, "the escapes of JSON");
    assert!(Expression::parse("1 == $[").unwrap_err().column() >= 6);
    check(&format!("{}1", "$[?@".repeat(9)), 34, "at most 8 brackets");
    check(&format!("$[?{}", "(".repeat(4_000)), 11, "at most 8 brackets");
    check(&"(".repeat(100), 65, "at most 64 parentheses");
    check(&"1".repeat(5_000), 1, "at most 4096 bytes");
    let shown = Expression::parse("$[0].code = 0").unwrap_err().to_string();
    assert!(shown.ends_with("\n  $[0].code = 0\n            ^"), "{shown}");
}

proptest! {
    #[test]
    fn no_text_panics(text: String, near in "[$\\[\\]().'\"a-z0-9@?=<>! ]{0,40}") {
        for text in [text, near] {
            match Expression::parse(&text) {
                Ok(expression) => drop(expression.is_true(&json!([{"a": 1}]), Some((&json!({"id": 1})).into()))),
                Err(error) => prop_assert!(!error.to_string().is_empty() && error.column() > 0),
            }
        }
    }
}
