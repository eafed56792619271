//! Binary inside JSON: placeholders and attachments, through serde both ways.
