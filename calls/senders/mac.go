package senders

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"
	"time"

	"beckon/internal/secret"
)

// maxSignatures bounds the signatures of one delivery that are looked at.
const maxSignatures = 16

// SignedBy reports whether one of the signatures is the MAC of content by one of the secrets. All of them are
// compared, in constant time, so that the time says nothing about which one was good. An empty secret has signed
// nothing.
func SignedBy(secrets []secret.String, newHash func() hash.Hash, signatures [][]byte, content ...[]byte) bool {
	if len(signatures) > maxSignatures {
		signatures = signatures[:maxSignatures]
	}
	good := 0
	for _, s := range secrets {
		m := hmac.New(newHash, []byte(s.Reveal()))
		for _, part := range content {
			m.Write(part)
		}
		want := m.Sum(nil)
		for _, signature := range signatures {
			if s.Reveal() != "" {
				good |= subtle.ConstantTimeCompare(want, signature)
			}
		}
	}
	return good == 1
}

// Same reports whether a text is one of the secrets, in a time that says nothing about them.
func Same(secrets []secret.String, text string) bool {
	have, good := sha256.Sum256([]byte(text)), 0
	for _, s := range secrets {
		want := sha256.Sum256([]byte(s.Reveal()))
		if s.Reveal() != "" {
			good |= subtle.ConstantTimeCompare(want[:], have[:])
		}
	}
	return good == 1
}

// Hex decodes a signature that is written in hexadecimal behind a prefix.
func Hex(text, prefix string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, prefix)
	raw, err := hex.DecodeString(encoded)
	if !ok || err != nil {
		return nil, Refuse("The signature is not %q and hexadecimal digits.", prefix)
	}
	return raw, nil
}

// Base64 decodes a signature that is written in base64.
func Base64(text string) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // the decoder reads over line breaks
		return nil, Refuse("The signature is not base64.")
	}
	return raw, nil
}

// Verify is the type of a Sender's Verify.
type Verify = func(ctx context.Context, p Proof, d Delivery, now time.Time) (Proved, error)

// BodySignature makes the Verify of the most common scheme: one header with a prefix and the hexadecimal
// HMAC-SHA256 of the body. id returns the delivery's id, which is not signed; it may be nil.
func BodySignature(header, prefix string, id func(Delivery) string) Verify {
	return func(_ context.Context, p Proof, d Delivery, _ time.Time) (Proved, error) {
		proved, err := SignedBody(p, d, header, prefix)
		if err == nil && id != nil {
			proved.DeliveryID = id(d)
		}
		return proved, err
	}
}

// SignedBody verifies the hexadecimal HMAC-SHA256 of the body in a header.
func SignedBody(p Proof, d Delivery, header, prefix string) (Proved, error) {
	text, raw, err := hexHeader(d, header, prefix)
	if err != nil {
		return Proved{}, err
	}
	if !SignedBy(p.Secrets, sha256.New, [][]byte{raw}, d.Body) {
		return Proved{}, Mismatch
	}
	return Proved{Signature: text}, nil
}

// SignedTimeAndBody is SignedBody where the time of another header is signed with the body: before, the time, a
// colon, the body.
func SignedTimeAndBody(p Proof, d Delivery, header, prefix, timeHeader, before string, now time.Time) (Proved, error) {
	text, raw, err := hexHeader(d, header, prefix)
	if err != nil {
		return Proved{}, err
	}
	timestamp, err := One(d.Header, timeHeader)
	if err != nil {
		return Proved{}, err
	}
	at, err := Seconds(timestamp, p.Tolerance, now)
	if err != nil {
		return Proved{}, err
	}
	if !SignedBy(p.Secrets, sha256.New, [][]byte{raw}, []byte(before+timestamp+":"), d.Body) {
		return Proved{}, Mismatch
	}
	return Proved{Signature: text, At: at}, nil
}

func hexHeader(d Delivery, header, prefix string) (text string, raw []byte, err error) {
	if text, err = One(d.Header, header); err != nil {
		return "", nil, err
	}
	raw, err = Hex(text, prefix)
	return text, raw, err
}

// Base64Header returns a signature in base64, as it is written and decoded.
func Base64Header(d Delivery, header string) (text string, raw []byte, err error) {
	if text, err = One(d.Header, header); err != nil {
		return "", nil, err
	}
	raw, err = Base64(text)
	return text, raw, err
}

// Header reports whether a delivery has any of the headers; it makes a Sender's Shows.
func Header(names ...string) func(Proof, Delivery) bool {
	return func(_ Proof, d Delivery) bool {
		for _, name := range names {
			if d.Header.Get(name) != "" {
				return true
			}
		}
		return false
	}
}
