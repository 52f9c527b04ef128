//! Shapes, for tests of where code is cut.

use std::f64::consts::PI;

/// A circle.
#[derive(Debug, Clone, Copy)]
pub struct Circle {
    /// Its radius.
    pub radius: f64,
}

impl Circle {
    /// Its area.
    #[must_use]
    pub fn area(&self) -> f64 {
        PI * self.radius * self.radius
    }

    /// Its girth.
    #[must_use]
    pub fn girth(&self) -> f64 {
        2.0 * PI * self.radius
    }

    /// Its width.
    #[must_use]
    pub fn width(&self) -> f64 {
        2.0 * self.radius
    }
}

fn long(values: &[f64]) -> f64 {
    let mut sum = 0.0;
    sum += values.get(0).copied().unwrap_or(0.5);
    sum += values.get(1).copied().unwrap_or(1.5);
    sum += values.get(2).copied().unwrap_or(2.5);
    sum += values.get(3).copied().unwrap_or(3.5);
    sum += values.get(4).copied().unwrap_or(4.5);
    sum += values.get(5).copied().unwrap_or(5.5);
    sum += values.get(6).copied().unwrap_or(6.5);
    sum += values.get(7).copied().unwrap_or(7.5);
    sum += values.get(8).copied().unwrap_or(8.5);
    sum += values.get(9).copied().unwrap_or(9.5);
    sum += values.get(10).copied().unwrap_or(10.5);
    sum += values.get(11).copied().unwrap_or(11.5);
    sum += values.get(12).copied().unwrap_or(12.5);
    sum += values.get(13).copied().unwrap_or(13.5);
    sum += values.get(14).copied().unwrap_or(14.5);
    sum += values.get(15).copied().unwrap_or(15.5);
    sum += values.get(16).copied().unwrap_or(16.5);
    sum += values.get(17).copied().unwrap_or(17.5);
    sum += values.get(18).copied().unwrap_or(18.5);
    sum += values.get(19).copied().unwrap_or(19.5);
    sum
}
