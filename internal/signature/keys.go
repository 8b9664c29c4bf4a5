package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

// What the keys of Standard Webhooks begin with.
const (
	sharedPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// The lengths of a shared secret, in bytes once it is decoded (https://www.standardwebhooks.com), and of one that is
// used as it is written.
const (
	minShared, newShared, maxShared = 24, 32, 64
	minRaw, maxRaw                  = 16, 1024
)

// Check returns nil for a secret that the scheme can sign with, else an Invalid error that says what one looks like
// and never shows this one.
//
//   - Standard: whsec_ and the base64 of 24 to 64 bytes
//   - Ed25519: whsk_ and the base64 of the 32-byte seed or of the 64-byte private key
//   - HMACHex: 16 to 1024 printable ASCII characters, which are the key as they stand
func Check(scheme Scheme, s secret.String) error {
	invalid := func(format string, args ...any) error {
		return problem.New(problem.Invalid, "invalid_secret", format, args...)
	}
	k, text := keyOf(s), s.Reveal()
	switch scheme {
	case Standard, "":
		if k.shared == nil {
			return invalid("must be %s and the base64 of %d to %d random bytes: "+
				"openssl rand -base64 %d makes the part after %s",
				sharedPrefix, minShared, maxShared, newShared, sharedPrefix)
		}
	case Ed25519:
		if k.private == nil {
			return invalid("must be an ed25519 private key: %s and the base64 of its %d-byte seed or of all %d bytes",
				privatePrefix, ed25519.SeedSize, ed25519.PrivateKeySize)
		}
	case HMACHex:
		switch {
		case isAsymmetric(text):
			// The public one is no secret at all: whoever knows it could sign.
			return invalid("is an ed25519 key, which hmac-sha256-hex has no use for: take signature: " +
				"standard-ed25519, or another secret")
		case len(text) < minRaw || len(text) > maxRaw ||
			strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }):
			return invalid("must be %d to %d printable ASCII characters", minRaw, maxRaw)
		}
	default:
		return unknownScheme()
	}
	return nil
}

// CheckVerifier returns nil for what Verify can verify some message with, else an Invalid error that never shows it.
func CheckVerifier(s secret.String) error {
	if keyOf(s).public != nil || Check(HMACHex, s) == nil { // a shared key of Standard Webhooks is printable too
		return nil
	}
	return problem.New(problem.Invalid, "invalid_secret",
		"must be what the sender signs with: %s…, a public key %s…, "+
			"or for hmac-sha256-hex %d to %d printable ASCII characters",
		sharedPrefix, publicPrefix, minRaw, maxRaw)
}

// NewSecret makes a random secret for a scheme: whsec_ with 32 bytes, whsk_ with a new key's seed, or, for HMACHex, 64
// hexadecimal digits.
func NewSecret(scheme Scheme) secret.String {
	raw := make([]byte, newShared)
	_, _ = rand.Read(raw) // never fails
	switch scheme {
	case Ed25519:
		return secret.String(privatePrefix + base64.StdEncoding.EncodeToString(raw))
	case HMACHex:
		return secret.String(hex.EncodeToString(raw))
	}
	return secret.String(sharedPrefix + base64.StdEncoding.EncodeToString(raw))
}

// PublicKey returns what verifies the signatures by a whsk_ secret.
func PublicKey(s secret.String) (ed25519.PublicKey, error) {
	if err := Check(Ed25519, s); err != nil {
		return nil, err
	}
	return keyOf(s).public, nil
}

// EncodePublicKey returns the form that receivers are given: whpk_ and the base64 of the key.
func EncodePublicKey(k ed25519.PublicKey) string {
	return publicPrefix + base64.StdEncoding.EncodeToString(k)
}

func unknownScheme() error {
	return problem.New(problem.Invalid, "unknown_signature", "must be %s, %s or %s", Standard, Ed25519, HMACHex)
}

func isAsymmetric(text string) bool {
	return strings.HasPrefix(text, privatePrefix) || strings.HasPrefix(text, publicPrefix)
}

// key is a decoded key of Standard Webhooks: shared, or public and, where we are the signer, private. All are nil for
// what is none.
type key struct {
	shared  []byte
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

func keyOf(s secret.String) (k key) {
	text := s.Reveal()
	if raw := decode(text, sharedPrefix); len(raw) >= minShared && len(raw) <= maxShared {
		k.shared = raw
	}
	if raw := decode(text, publicPrefix); len(raw) == ed25519.PublicKeySize {
		k.public = raw
	}
	switch raw := decode(text, privatePrefix); len(raw) {
	case ed25519.SeedSize:
		k.private = ed25519.NewKeyFromSeed(raw)
	case ed25519.PrivateKeySize:
		// The second half is the public key; with a wrong one, nobody could verify what is signed.
		if whole := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize]); bytes.Equal(whole, raw) {
			k.private = whole
		}
	}
	if k.private != nil {
		k.public = k.private.Public().(ed25519.PublicKey)
	}
	return k
}

// decode returns nil for what is not base64 behind the prefix. It is strict, since receivers are: Go's decoder alone
// would read over line breaks.
func decode(text, prefix string) []byte {
	encoded, ok := strings.CutPrefix(text, prefix)
	if !ok || strings.ContainsAny(encoded, "\r\n") {
		return nil
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil
	}
	return raw
}
