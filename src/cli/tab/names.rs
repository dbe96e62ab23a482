// SPDX-License-Identifier: GPL-2.0-only

//! How others write names: systemd those of units, udev those of links.

/// What systemd leaves as it is.
fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'.')
}

/// A text as a part of a unit's name (`systemd-escape TEXT`).
pub fn escaped(text: &str) -> String {
    let mut name = String::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if at == 0 => name.push_str("\\x2e"),
            byte if plain(byte) => name.push(char::from(byte)),
            byte => name.push_str(&format!("\\x{byte:02x}")),
        }
    }
    name
}

/// A path as a part of a unit's name (`systemd-escape --path PATH`).
pub fn escaped_path(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.is_empty() {
        true => "-".to_owned(),
        false => escaped(&parts.join("/")),
    }
}

/// A value as udev writes it into the name of a link.
pub fn link_value(value: &str) -> String {
    let mut link = String::new();
    for c in value.chars() {
        if c.is_ascii_alphanumeric() || "#+-.:=@_".contains(c) || !c.is_ascii() {
            link.push(c);
        } else {
            link.push_str(&format!("\\x{:02x}", u32::from(c)));
        }
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_systemd_and_udev_write_them() {
        for (text, name) in [
            ("safe", "safe"),
            ("vg-lv_1.x", "vg\\x2dlv_1.x"),
            (".a:b", "\\x2ea:b"),
            ("a=b@c#d+e", "a\\x3db\\x40c\\x23d\\x2be"),
        ] {
            assert_eq!(escaped(text), name);
        }
        for (path, name) in [
            ("/dev/sda", "dev-sda"),
            ("/dev//mapper/a-b/", "dev-mapper-a\\x2db"),
            ("/dev/disk/by-id/ata-X_1", "dev-disk-by\\x2did-ata\\x2dX_1"),
            (
                "/dev/disk/by-partlabel/a\\x20b",
                "dev-disk-by\\x2dpartlabel-a\\x5cx20b",
            ),
            ("/", "-"),
        ] {
            assert_eq!(escaped_path(path), name);
        }
        assert_eq!(link_value("my disk/ü"), "my\\x20disk\\x2fü");
    }
}
