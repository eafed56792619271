//! Finds in the text of a task what a path has found in its values: as its producer wrote it, to the last digit.

use serde_json::value::RawValue;
use serde_json_path::{NormalizedPath, PathElement};

use super::members::Members;

/// What stands at this place of a JSON text; `None` if there is no such place.
pub(super) fn at<'j>(text: &'j str, place: &NormalizedPath<'_>) -> Option<&'j RawValue> {
    let whole: &RawValue = serde_json::from_str(text).ok()?;
    place.iter().try_fold(whole, |raw, element| match element {
        PathElement::Name(name) => {
            let members: Members<'j> = serde_json::from_str(raw.get()).ok()?;
            members.last(name)
        }
        PathElement::Index(index) => {
            let items: Vec<&'j RawValue> = serde_json::from_str(raw.get()).ok()?;
            items.get(*index).copied()
        }
    })
}
