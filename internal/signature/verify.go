package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Tolerance is how far the timestamp of a message may be away from the receiver's clock, in either direction.
const Tolerance = 5 * time.Minute

// maxSignatures bounds the work for a message by a stranger: with ed25519, each one hashes the whole body anew.
const maxSignatures = 16

// The codes of the errors that Verify returns for a message. All are of the kind Unauthenticated.
const (
	CodeMissing = "signature_missing" // the headers are not there, or not complete
	CodeExpired = "signature_expired" // the timestamp is outside the tolerance
	CodeWrong   = "signature_wrong"   // no signature is by this secret over this message
)

// Verify checks a message that came in with the headers of any scheme, and returns what the headers say of it. The
// secret is whsec_…, whpk_… (the public key), whsk_…, or for HMACHex the text that both sides know. vendor is the name
// in the headers of HMACHex.
//
// With HMACHex only the body is proven: ID, Type and At of the message are what the sender, or anybody who has seen the
// body, says; and an old message is as good as a new one. The Standard Webhooks schemes say no Type.
func Verify(h http.Header, body []byte, s secret.String, vendor string, now time.Time) (Message, error) {
	prefix, err := headerPrefix(vendor)
	if err != nil {
		return Message{}, err
	}
	for _, family := range []string{familyWebhook, familySvix} {
		if h.Get(family+"Signature") != "" {
			return verifyStandard(h, family, body, keyOf(s), now)
		}
	}
	if h.Get(prefix+"Signature") != "" {
		return verifyHex(h, prefix, body, s)
	}
	return Message{}, refusal(CodeMissing,
		"The message is not signed: it has none of the headers webhook-signature, svix-signature and %ssignature.",
		strings.ToLower(prefix))
}

func verifyStandard(h http.Header, family string, body []byte, k key, now time.Time) (m Message, err error) {
	if k.shared == nil && k.public == nil {
		return m, problem.New(problem.Invalid, "invalid_secret",
			"Verifying this message requires %s and the base64 of %d to %d bytes, or a public key: "+
				"%s and the base64 of %d.",
			sharedPrefix, minShared, maxShared, publicPrefix, ed25519.PublicKeySize)
	}
	id, timestamp := h.Get(family+"Id"), h.Get(family+"Timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if !isID(id) || err != nil || strconv.FormatInt(seconds, 10) != timestamp {
		name := strings.ToLower(family)
		return m, refusal(CodeMissing,
			"The message is signed, but it has no good %sid and %stimestamp (seconds since 1970).", name, name)
	}
	// In seconds, and without a difference: of a made-up timestamp, that would overflow.
	at, tolerance := time.Unix(seconds, 0), int64(Tolerance/time.Second)
	if seconds < now.Unix()-tolerance || seconds > now.Unix()+tolerance {
		return m, refusal(CodeExpired,
			"The timestamp of the message is more than %d minutes away from this machine's clock: "+
				"it is an old message, or one of the clocks is wrong.", int(Tolerance/time.Minute))
	}
	signed := content(id, timestamp, body)
	for i, one := range strings.Fields(h.Get(family + "Signature")) {
		if i < maxSignatures && k.made(one, signed) {
			return Message{ID: id, At: at, Body: body}, nil
		}
	}
	return m, mismatch()
}

// made reports whether one signature, with its version in front, is by this key.
func (k key) made(signature string, content []byte) bool {
	version, encoded, _ := strings.Cut(signature, ",")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return false
	case version == "v1" && k.shared != nil:
		return hmac.Equal(raw, mac(k.shared, content))
	case version == "v1a" && k.public != nil:
		return ed25519.Verify(k.public, content, raw)
	}
	return false
}

func verifyHex(h http.Header, prefix string, body []byte, s secret.String) (m Message, err error) {
	if err := Check(HMACHex, s); err != nil {
		return m, problem.New(problem.Invalid, "invalid_secret",
			"Verifying this message requires the secret that its sender signs with, of %d to %d printable characters. "+
				"An ed25519 key does not work.", minRaw, maxRaw)
	}
	want := []byte(hexSignature(s, body))
	// A receiver that has not got the new secret yet finds the old one's signature in the second header.
	signatures := append([]string{h.Get(prefix + "Signature")}, h.Values(prefix+"Signature-Previous")...)
	if !slices.ContainsFunc(signatures, func(one string) bool { return hmac.Equal([]byte(one), want) }) {
		return m, mismatch()
	}
	m = Message{ID: h.Get(prefix + "Delivery"), Type: h.Get(prefix + "Event"), Body: body}
	if seconds, err := strconv.ParseInt(h.Get(prefix+"Timestamp"), 10, 64); err == nil {
		m.At = time.Unix(seconds, 0)
	}
	return m, nil
}

func refusal(code, format string, args ...any) error {
	return problem.New(problem.Unauthenticated, code, format, args...)
}

func mismatch() error {
	return refusal(CodeWrong,
		"No signature matches: the secret is another one than the sender's, or the body was changed on its way.")
}
