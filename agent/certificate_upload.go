package agent

// Limits of an upload of a certificate.
const (
	MaxUpload               = 1 << 20 // bytes of all files together
	MaxUploadCertificates   = 16      // certificates in them
	MaxUploadedCertificates = 32      // certificates that are kept
	MaxUploadPassword       = 1024    // bytes
)

// Codes of problems with an uploaded certificate. The comment says what Problem.Value is, if there is one.
const (
	UploadEmpty            = "field_certificate_empty"
	UploadTooLarge         = "field_certificate_size"
	UploadUnreadable       = "field_certificate_file"
	UploadPFX              = "field_certificate_pfx"   // a PFX of a kind that the gateway cannot read
	UploadWork             = "field_certificate_work"  // a password that takes too long to check
	UploadTooMany          = "field_certificate_count" // more than MaxUploadCertificates
	UploadPassword         = "field_certificate_password"
	UploadPasswordNeeded   = "field_certificate_password_needed"
	UploadRequest          = "field_certificate_request" // a certificate signing request instead of a certificate
	UploadNoCertificate    = "field_certificate_none"
	UploadNoKey            = "field_certificate_key_none"
	UploadWrongKey         = "field_certificate_key_other"         // the certificate
	UploadKind             = "field_certificate_algorithm"         // the kind of the key; empty if unknown
	UploadWeakKey          = "field_certificate_key_weak"          // certificate and key
	UploadWeakSignature    = "field_certificate_signature_weak"    // certificate and algorithm
	UploadExpired          = "field_certificate_expired"           // the date
	UploadEarly            = "field_certificate_early"             // the date
	UploadNoNames          = "field_certificate_names_none"        // the common name
	UploadOtherNames       = "field_certificate_names_other"       // the names in the certificate
	UploadNoDomain         = "field_certificate_domain"            // the gateway has no name
	UploadUsage            = "field_certificate_usage"             // the certificate is not for servers
	UploadIssuerMissing    = "field_certificate_issuer_missing"    // the issuer
	UploadIssuerExpired    = "field_certificate_issuer_expired"    // the issuer
	UploadIssuerUnsuitable = "field_certificate_issuer_unsuitable" // the issuer
	UploadChainTooLarge    = "field_certificate_chain_large"
	UploadedTooMany        = "field_certificate_too_many" // more than MaxUploadedCertificates
)
