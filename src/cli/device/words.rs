// SPDX-License-Identifier: GPL-2.0-only

//! Numbers as people read them.

/// `1 block`, `3 blocks`, `2 passes`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = match number {
        1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {noun}{plural}", grouped(number))
}

/// With commas between groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part of a device: its name, how long it is and where it begins.
pub fn extent(name: &str, sectors: u64, start: u64) -> String {
    format!("{name}, {} from sector {start}", size(sectors))
}

/// So many sectors, in binary units.
pub fn size(sectors: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let bytes = u128::from(sectors) * 512;
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut unit = 0;
    while unit + 1 < UNITS.len() && bytes >> (10 * (unit + 2)) > 0 {
        unit += 1;
    }
    // In tenths, rounded down: what is said to be there is there.
    let tenths = (bytes * 10) >> (10 * (unit + 1));
    let (whole, tenth) = (tenths / 10, tenths % 10);
    if tenth == 0 {
        format!("{whole} {}", UNITS[unit])
    } else {
        format!("{whole}.{tenth} {}", UNITS[unit])
    }
}

/// So many per mille, in percent.
pub fn per_mille(number: u64) -> String {
    format!("{}.{} %", number / 10, number % 10)
}

/// What part of `all` is `part`, in percent, rounded down: only all of it is 100 %.
pub fn percent(part: u64, all: u64) -> String {
    let percent = (u128::from(part) * 100)
        .checked_div(all.into())
        .unwrap_or(100);
    format!("{percent} %")
}

/// A time span, in its largest unit.
pub fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 5] = [
        (365 * 86400, "year"),
        (86400, "day"),
        (3600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let unit = UNITS.iter().find(|(length, _)| seconds >= 2 * length);
    let (length, name) = unit.unwrap_or(&UNITS[4]);
    counted(seconds / length, name)
}

/// A day, in universal time: `2027-01-15`.
pub fn day(unix_seconds: u64) -> String {
    // Counted from the first of March of a year that 400 divides: then the odd day of a leap year is the last.
    let days = unix_seconds / 86400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let (later, month) = match month {
        0..=9 => (0, month + 3),
        _ => (1, month - 9),
    };
    format!("{:04}-{month:02}-{of_month:02}", era * 400 + year + later)
}

/// A time, in universal time: `2027-01-15 08:00`.
pub fn time(unix_seconds: u64) -> String {
    let minutes = unix_seconds / 60 % 1440;
    let (hour, minute) = (minutes / 60, minutes % 60);
    format!("{} {hour:02}:{minute:02}", day(unix_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(counted(1, "block"), "1 block");
        assert_eq!(counted(0, "block"), "0 blocks");
        assert_eq!(counted(2, "pass"), "2 passes");
        assert_eq!(counted(1_238_520, "sector"), "1,238,520 sectors");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn sizes_are_rounded_down() {
        for (sectors, text) in [
            (0, "0 bytes"),
            (1, "512 bytes"),
            (2, "1 KiB"),
            (2047, "1023.5 KiB"),
            (2048, "1 MiB"),
            (209_715_200, "100 GiB"),
            (209_715_199, "99.9 GiB"),
            (39_062_500_000, "18.1 TiB"),
            (u64::MAX, "8191.9 EiB"),
        ] {
            assert_eq!(size(sectors), text);
        }
    }

    #[test]
    fn parts_and_times() {
        assert_eq!(per_mille(3), "0.3 %");
        assert_eq!(per_mille(1000), "100.0 %");
        assert_eq!(percent(999, 1000), "99 %");
        assert_eq!(percent(0, 0), "100 %");
        assert_eq!(span(1), "1 second");
        assert_eq!(span(119), "119 seconds");
        assert_eq!(span(120), "2 minutes");
        assert_eq!(span(86400 * 14), "14 days");
        assert_eq!(span(86400 * 800), "2 years");
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00"),
            (951_782_399, "2000-02-28 23:59"),
            (951_782_400, "2000-02-29 00:00"),
            (951_868_800, "2000-03-01 00:00"),
            (1_800_000_000, "2027-01-15 08:00"),
            (4_107_542_399, "2100-02-28 23:59"),
            (4_107_542_400, "2100-03-01 00:00"),
            (253_402_300_799, "9999-12-31 23:59"),
        ] {
            assert_eq!(time(seconds), text);
        }
    }
}
