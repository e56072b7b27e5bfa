//! Headers that list what a caller likes, each item with a weight: `Accept`, `Accept-Language`.

/// The items of `list` and their weights (RFC 9110 §12.4.2): 1 where there is none, 0 where it is not a weight.
pub fn items(list: &str) -> impl Iterator<Item = (&str, f32)> {
    list.split(',').map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix(['q', 'Q'])?.strip_prefix('='));
        let valid = |weight: &f32| (0.0..=1.0).contains(weight);
        (name, weight.map_or(1.0, |weight| weight.parse().ok().filter(valid).unwrap_or(0.0)))
    })
}
