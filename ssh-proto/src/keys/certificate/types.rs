//! Which certificates there are, and by which names their keys sign.

/// A type of certificate.
pub(super) struct CertificateType {
    /// What the blob names itself.
    pub(super) name: &'static str,
    /// The type of the key in it.
    pub(super) plain: &'static str,
    /// How many fields that key has. Each is a `string` or an `mpint`, which begin with their length.
    pub(super) fields: usize,
}

pub(super) fn by_name(name: &str) -> Option<&'static CertificateType> {
    TYPES.iter().find(|row| row.name == name)
}

const TYPES: &[CertificateType] = &[
    CertificateType { name: "ssh-ed25519-cert-v01@openssh.com", plain: "ssh-ed25519", fields: 1 },
    CertificateType { name: RSA, plain: "ssh-rsa", fields: 2 },
    CertificateType { name: "ecdsa-sha2-nistp256-cert-v01@openssh.com", plain: "ecdsa-sha2-nistp256", fields: 2 },
    CertificateType { name: "ecdsa-sha2-nistp384-cert-v01@openssh.com", plain: "ecdsa-sha2-nistp384", fields: 2 },
    CertificateType { name: "ecdsa-sha2-nistp521-cert-v01@openssh.com", plain: "ecdsa-sha2-nistp521", fields: 2 },
    CertificateType { name: "sk-ssh-ed25519-cert-v01@openssh.com", plain: "sk-ssh-ed25519@openssh.com", fields: 2 },
    CertificateType {
        name: "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        plain: "sk-ecdsa-sha2-nistp256@openssh.com",
        fields: 3,
    },
];

/// The name of the algorithm and the type of the certificate, for the signature algorithm `plain`.
pub(super) fn algorithm_for(plain: &str) -> Option<(&'static str, &'static str)> {
    let rsa = |(_, name): &(&str, &'static str)| (*name, RSA);
    let by_type = || TYPES.iter().find(|row| row.plain == plain).map(|row| (row.name, row.name));
    RSA_ALGORITHMS.iter().find(|(signature, _)| *signature == plain).map(rsa).or_else(by_type)
}

/// By what the key in a certificate signs, when the algorithm is called `name`.
pub(super) fn signature_name(name: &str) -> &str {
    let rsa = RSA_ALGORITHMS.iter().find(|(_, algorithm)| *algorithm == name).map(|(signature, _)| *signature);
    rsa.or_else(|| by_name(name).map(|row| row.plain)).unwrap_or(name)
}

/// RFC 8332 gave RSA keys three signature algorithms, and its certificates have as many. The first two "should not appear
/// in keys at rest".
const RSA_ALGORITHMS: &[(&str, &str)] = &[
    ("rsa-sha2-512", "rsa-sha2-512-cert-v01@openssh.com"),
    ("rsa-sha2-256", "rsa-sha2-256-cert-v01@openssh.com"),
    ("ssh-rsa", RSA),
];

const RSA: &str = "ssh-rsa-cert-v01@openssh.com";
