//! The look of the charts: legible on a light page and on a dark one.

use plotters::prelude::RGBColor;
use plotters::style::{Color, FontDesc, IntoFont, TextStyle};

/// A colour on a light page, and its counterpart on a dark one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ink(RGBColor, &'static str);

pub(crate) const PAGE: Ink = Ink(RGBColor(0xff, 0xff, 0xff), "#0D1117");
pub(crate) const TEXT: Ink = Ink(RGBColor(0x1f, 0x23, 0x28), "#F0F6FC");
pub(crate) const FAINT: Ink = Ink(RGBColor(0x59, 0x63, 0x6e), "#9198A1");
pub(crate) const GRID: Ink = Ink(RGBColor(0xd1, 0xd9, 0xe0), "#3D444D");
pub(crate) const BLUE: Ink = Ink(RGBColor(0x09, 0x69, 0xda), "#4493F8");
pub(crate) const ORANGE: Ink = Ink(RGBColor(0xd1, 0x58, 0x0a), "#F0883E");
pub(crate) const GREY: Ink = Ink(RGBColor(0x81, 0x8b, 0x98), "#656C76");

const INKS: [Ink; 7] = [PAGE, TEXT, FAINT, GRID, BLUE, ORANGE, GREY];

impl Ink {
    pub(crate) fn color(self) -> RGBColor {
        self.0
    }
}

/// Returns the font of a size in pixels. plotters divides a font's size by 1.24.
pub(crate) fn font(size: f64) -> FontDesc<'static> {
    ("sans-serif", size * 1.24).into_font()
}

pub(crate) fn text(size: f64, ink: Ink) -> TextStyle<'static> {
    font(size).color(&ink.color().to_rgba())
}

/// Adds the title, for screen readers, and the colours for a dark page.
pub(crate) fn finished(svg: &str, title: &str) -> String {
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    let dark: String = INKS.iter().map(dark).collect();
    let style = format!(
        "<title>{title}</title>\n<style>\ntext {{ font-family: system-ui, sans-serif }}\n\
         @media (prefers-color-scheme: dark) {{\n{dark}}}\n</style>\n"
    );
    match svg.split_once(">\n") {
        Some((opening, rest)) => format!("{opening}>\n{style}{rest}"),
        None => svg.to_owned(),
    }
}

fn dark(Ink(RGBColor(red, green, blue), dark): &Ink) -> String {
    let light = format!("#{red:02X}{green:02X}{blue:02X}");
    format!("[fill=\"{light}\"] {{ fill: {dark} }} [stroke=\"{light}\"] {{ stroke: {dark} }}\n")
}
