//! A page of Markdown, and the console blocks in it.

/// How such a block begins, and how it ends.
const FENCES: (&str, &str) = ("```console\n", "```\n");

/// The page with each block as `run` has it.
pub(crate) fn with_blocks(text: &str, run: impl Fn(&str) -> String) -> String {
    let (mut fresh, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(FENCES.0) {
        let (block, behind) = after.split_once(FENCES.1).unwrap();
        fresh += &format!("{before}{}{}{}", FENCES.0, run(block), FENCES.1);
        rest = behind;
    }
    fresh + rest
}

/// Lines that only one of both has.
pub(crate) fn difference(old: &str, new: &str) -> String {
    let only = |sign: char, these: &str, those: &str| -> String {
        let those: Vec<_> = those.lines().collect();
        let lines = these.lines().filter(|line| !those.contains(line));
        lines.map(|line| format!("{sign} {line}\n")).collect()
    };
    only('-', old, new) + &only('+', new, old)
}
