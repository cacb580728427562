//! Extra fields of ZIP headers.

/// Appends an extra field: its id, its length and its data.
pub(super) fn put_field(fields: &mut Vec<u8>, id: u16, data: &[u8]) {
    put16(fields, id);
    put16(
        fields,
        u16::try_from(data.len()).expect("a field has a few dozen bytes"),
    );
    fields.extend_from_slice(data);
}

pub(super) fn put16(bytes: &mut Vec<u8>, number: u16) {
    bytes.extend_from_slice(&number.to_le_bytes());
}
