//! The depth of a body, found without recursion.

use std::fmt;

use crate::codec::MAX_DEPTH;

const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const UNTIL_BREAK: u8 = 31;
const BREAK: u8 = 0xff;

/// The body's lists, maps and tags are nested more than [`MAX_DEPTH`] deep.
#[derive(Debug)]
pub(super) struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value is nested more than {MAX_DEPTH} deep")
    }
}

impl std::error::Error for TooDeep {}

/// The number of items that are still to come on a level. `None` if a break ends them.
type Left = Option<u64>;

/// Checks the depth of a body. Stops at a mistake, which the decoder reports.
pub(super) fn check(body: &[u8]) -> Result<(), TooDeep> {
    // Each level takes a byte at least.
    if body.len() <= MAX_DEPTH {
        return Ok(());
    }
    let mut levels: Vec<Left> = vec![Some(1)];
    let mut rest = body;
    while let Some(left) = levels.last_mut() {
        if *left == Some(0) {
            levels.pop();
            continue;
        }
        let Some((&head, after)) = rest.split_first() else { return Ok(()) };
        rest = after;
        if head == BREAK {
            if left.is_some() {
                return Ok(());
            }
            *left = Some(0);
            continue;
        }
        if let Some(left) = left {
            *left -= 1;
        }
        let Some((number, after)) = number(head, rest) else { return Ok(()) };
        rest = after;
        let inside = match (head >> 5, number) {
            (LIST | MAP, None) => None,
            (LIST, Some(items)) => Some(items),
            (MAP, Some(pairs)) => Some(pairs.saturating_mul(2)),
            (TAG, Some(_)) => Some(1),
            // The pieces of a text or of bytes are items, and a break ends them, but they are no level.
            (0..=TEXT, None) => match after_pieces(rest) {
                Some(after) => {
                    rest = after;
                    continue;
                }
                None => return Ok(()),
            },
            (2 | TEXT, Some(length)) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let Some(after) = rest.get(length..) else { return Ok(()) };
                rest = after;
                continue;
            }
            (_, None) => return Ok(()),
            _ => continue,
        };
        if levels.len() > MAX_DEPTH {
            return Err(TooDeep);
        }
        levels.push(inside);
    }
    Ok(())
}

/// The number of a head, and the bytes after it. The number is `None` if a break ends the item.
fn number(head: u8, rest: &[u8]) -> Option<(Option<u64>, &[u8])> {
    let width = match head & 0x1f {
        low @ 0..24 => return Some((Some(low.into()), rest)),
        UNTIL_BREAK => return Some((None, rest)),
        low @ 24..28 => 1 << (low - 24),
        _ => return None,
    };
    let (bytes, rest) = rest.split_at_checked(width)?;
    let number = bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Some((Some(number), rest))
}

/// The bytes after the pieces of a text or of bytes.
fn after_pieces(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (&head, after) = rest.split_first()?;
        if head == BREAK {
            return Some(after);
        }
        let (length, after) = number(head, after)?;
        rest = after.get(usize::try_from(length?).ok()?..)?;
    }
}
