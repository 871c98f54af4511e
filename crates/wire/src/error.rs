//! Why a body was refused. All of it is the sender's doing, so the messages are written for the sender.

/// A body that cannot be read; the API server answers 400 with the message.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another format was sent under protobuf's media type.
    #[error("the body is not Kubernetes protobuf: it does not start with the four bytes \"k8s\\0\"")]
    NotProtobuf,
    /// The envelope is broken.
    #[error("the protobuf envelope is malformed: {0}")]
    Envelope(Problem),
    /// The envelope does not say what it carries.
    #[error("the protobuf envelope does not name an apiVersion and a kind")]
    NoKind,
    /// The envelope says that its content is compressed, or something other than protobuf.
    #[error("the protobuf envelope's content is {0:?}: only plain protobuf is supported, or send JSON")]
    ForeignContent(String),
    /// A kind that has no protobuf form here.
    #[error("no protobuf form is known for kind {kind:?} of {api_version:?}: send it as JSON")]
    UnknownKind {
        /// As the envelope has it.
        api_version: String,
        /// As the envelope has it.
        kind: String,
    },
    /// The object inside the envelope is broken.
    #[error("the protobuf {kind} is malformed at {path:?}: {problem}")]
    Object {
        /// As the envelope has it.
        kind: String,
        /// The JSON path of the member being read, empty at the top.
        path: String,
        /// What is wrong there.
        problem: Problem,
    },
}

/// What is wrong with one piece of a body.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The input ends inside a value.
    #[error("it ends in the middle of a value")]
    Truncated,
    /// A varint of more than ten bytes.
    #[error("it has a number that is too long")]
    LongNumber,
    /// Field number 0, or one beyond what protobuf allows.
    #[error("it has an impossible field number")]
    FieldNumber,
    /// A wire type that is not this field's, or one that protobuf does not have.
    #[error("it has a field of wire type {0} where another type belongs")]
    WireType(u8),
    /// Text that is not UTF-8.
    #[error("it has text that is not UTF-8")]
    Utf8,
    /// Raw JSON (an extension, managed fields, a schema's default) that does not parse.
    #[error("its raw JSON does not parse: {0}")]
    Json(String),
    /// A number that JSON cannot express.
    #[error("it has a number that is not finite")]
    NotFinite,
    /// A time outside of the years that RFC 3339 can write.
    #[error("it has a time out of range")]
    Time,
    /// Messages inside messages beyond any real object.
    #[error("it is nested too deeply")]
    TooDeep,
}
