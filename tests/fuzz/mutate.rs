//! Changes of files, more or less as they come about: in bytes, and in what JSON says.

use serde_json::{Value, json};

use crate::rng::Rng;

/// Changes some bytes, or what they say as JSON.
pub fn change(content: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut changed = content.to_vec();
    for _ in 0..rng.pick(&[1, 1, 1, 2, 5]) {
        let json: Option<Value> = serde_json::from_slice(&changed).ok();
        match json {
            Some(mut json) if rng.chance(75) => {
                change_json(&mut json, rng);
                changed = serde_json::to_vec_pretty(&json).unwrap();
            }
            _ => change_bytes(&mut changed, rng),
        }
    }
    changed
}

/// Changes bytes: one, some, all from somewhere on, or none but their number.
pub fn change_bytes(bytes: &mut Vec<u8>, rng: &mut Rng) {
    if bytes.is_empty() {
        bytes.push(rng.next() as u8);
        return;
    }
    let at = rng.range(0, bytes.len() as u64 - 1) as usize;
    let rest = bytes.len() - at;
    match rng.range(0, 9) {
        0..=2 => bytes[at] ^= 1 << rng.range(0, 7),
        3 => bytes[at] = rng.pick(&[0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'-', b'9']),
        4 => bytes.truncate(at),
        5 => {
            let length = rest.min(rng.range(1, 64) as usize);
            bytes.drain(at..at + length);
        }
        6 => {
            let length = rest.min(rng.range(1, 64) as usize);
            let again = bytes[at..at + length].to_vec();
            bytes.splice(at..at, again);
        }
        7 => {
            let length = rest.min(rng.range(1, 512) as usize);
            let value = rng.pick(&[0, 0xff, 0x20]);
            bytes[at..at + length].fill(value);
        }
        _ => {
            let number = rng.pick(&[0, 1, 3, 0xff, 1 << 16, 1 << 31, u64::from(u32::MAX), 1 << 40, u64::MAX]);
            let at = if rng.chance(50) { at / 8 * 8 } else { at };
            let length = rng.pick(&[2, 4, 8]).min(bytes.len() - at);
            bytes[at..at + length].copy_from_slice(&number.to_le_bytes()[..length]);
        }
    }
}

/// Changes a value somewhere in it, or takes one out.
fn change_json(json: &mut Value, rng: &mut Rng) {
    let n_values = count(json);
    let mut which = rng.range(0, n_values - 1);
    let other = {
        let mut which = rng.range(0, n_values - 1);
        find(json, &mut which).cloned().unwrap_or_default()
    };
    let Some(value) = find(json, &mut which) else { return };
    *value = match (rng.range(0, 9), &mut *value) {
        (0 | 1, Value::Array(values)) if !values.is_empty() => {
            let at = rng.range(0, values.len() as u64 - 1) as usize;
            if rng.chance(50) {
                values.remove(at);
            } else {
                values.push(values[at].clone());
            }
            Value::Array(std::mem::take(values))
        }
        (0..=3, Value::Object(members)) if !members.is_empty() => {
            let at = rng.range(0, members.len() as u64 - 1) as usize;
            let name = members.keys().nth(at).cloned().unwrap_or_default();
            let member = members.remove(&name);
            if rng.chance(30) {
                members.insert(format!("{name}x"), member.unwrap_or_default());
            }
            Value::Object(std::mem::take(members))
        }
        (0..=2, Value::String(text)) => {
            let mut bytes = std::mem::take(text).into_bytes();
            change_bytes(&mut bytes, rng);
            Value::String(String::from_utf8_lossy(&bytes).into_owned())
        }
        (0..=4, Value::Number(number)) => {
            let number = number.as_i64().unwrap_or(7);
            let scaled = [-1, 2, 1 << 20].map(|factor| number.wrapping_mul(factor));
            let near =
                [number.wrapping_add(1), number.wrapping_sub(1), number / 2, scaled[0], scaled[1], scaled[2]];
            json!(rng.pick(&near))
        }
        (5, _) => other,
        (6, _) => nested(rng.pick(&[2, 100, 10_000])),
        _ => any(rng),
    };
}

fn any(rng: &mut Rng) -> Value {
    match rng.range(0, 21) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!([]),
        3 => json!({}),
        4 => json!(""),
        5 => json!("\u{0}/../é"),
        6 => json!("NaN"),
        7 => json!("0x7fc00000"),
        8 => json!(0),
        9 => json!(-1),
        10 => json!(0.5),
        11 => json!(-1e308),
        12 => json!(1e-320),
        13 => json!(u64::MAX),
        14 => json!(i64::MIN),
        15 => json!(1u64 << 32),
        16 => json!(1u64 << 40),
        17 => json!(i64::MAX),
        18 => json!([0, 0, 0]),
        19 => json!(vec![1; 40]),
        20 => json!([u64::MAX, u64::MAX, u64::MAX]),
        _ => json!("x".repeat(5000)),
    }
}

fn nested(depth: usize) -> Value {
    // Deeper than a parser goes: it is written as text.
    let depth = depth.min(120);
    (0..depth).fold(Value::Null, |inner, _| json!([inner]))
}

fn count(json: &Value) -> u64 {
    1 + match json {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum::<u64>(),
        _ => 0,
    }
}

fn find<'a>(json: &'a mut Value, which: &mut u64) -> Option<&'a mut Value> {
    if *which == 0 {
        return Some(json);
    }
    *which -= 1;
    match json {
        Value::Array(values) => values.iter_mut().find_map(|value| find(value, which)),
        Value::Object(members) => members.values_mut().find_map(|value| find(value, which)),
        _ => None,
    }
}
