//! The program's pictures: PNGs rendered from the SVGs beside them, decoded by what GTK brings along.

use gtk::{gdk_pixbuf::Pixbuf, glib};

/// The program's own icon, for where the icon theme does not have it: where Wallwatch is not installed.
pub(crate) const APP: &[u8] = include_bytes!("../assets/icons/org.wallwatch.Wallwatch.png");

/// A picture as rows of red, green, blue and opacity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rgba: Vec<u8>,
}

impl Picture {
    /// Decodes a PNG with an alpha channel.
    pub(crate) fn decode(png: &'static [u8]) -> Result<Self, glib::Error> {
        let pixels = pixbuf(png)?;
        let (width, height) = (
            pixels.width().unsigned_abs(),
            pixels.height().unsigned_abs(),
        );
        // A row may be padded up to the rowstride; the last one is not.
        let (row, stride) = (
            width as usize * 4,
            pixels.rowstride().unsigned_abs() as usize,
        );
        let bytes = pixels.read_pixel_bytes();
        let rgba = bytes
            .chunks(stride)
            .flat_map(|line| line.iter().take(row))
            .copied()
            .collect();
        Ok(Self {
            width,
            height,
            rgba,
        })
    }
}

/// A PNG as GTK uses it.
pub(crate) fn pixbuf(png: &'static [u8]) -> Result<Pixbuf, glib::Error> {
    Pixbuf::from_read(std::io::Cursor::new(png))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_four_bytes_a_pixel() {
        let picture = Picture::decode(APP).unwrap();
        assert_eq!(
            (picture.width, picture.height, picture.rgba.len()),
            (64, 64, 64 * 64 * 4)
        );
        assert_eq!(picture.rgba[3], 0, "the corner is transparent");
    }
}
