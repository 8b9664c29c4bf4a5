package senders

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"beckon/internal/secret"
)

// Tolerance is how far the time of a signature may be away from the receiver's clock, in either direction.
const Tolerance = 5 * time.Minute

// Proof is one entry of a client's auth.
type Proof struct {
	Scheme  string
	Secrets []secret.String // each of them is good, the newest first

	Name string // of the header or query parameter: schemes header and query

	// Scheme hmac; grafana uses Header and TimestampHeader.
	Header          string
	Prefix          string
	Algorithm       string // sha1, sha256 (default), sha512
	Encoding        string // hex (default), base64, base64url
	Content         string // {{ .body }} by default; .timestamp, .id, .url and .method are known too
	TimestampHeader string
	IDHeader        string
	Tolerance       time.Duration // Tolerance by default

	TopicARN string // scheme sns

	// Scheme oidc.
	Issuer   string
	Audience string
	Claims   map[string]string // "*" in a value stands for any text
}

// Shown returns the names of the header and of the query parameter in which the administrator has chosen to receive
// a secret. Their values must not be recorded. The names that vendors have chosen are recognized by secret.Named.
func (p Proof) Shown() (header, parameter string) {
	if p.Scheme == "query" {
		return "", p.Name
	}
	return cmp.Or(p.Name, p.Header), ""
}

// Key is the same for proofs that are verified in the same way, whatever their secrets and claims are.
func (p Proof) Key() string {
	return digest(p.Scheme, http.CanonicalHeaderKey(p.Name), http.CanonicalHeaderKey(p.Header), p.Prefix,
		p.Algorithm, p.Encoding, p.Content,
		http.CanonicalHeaderKey(p.TimestampHeader), http.CanonicalHeaderKey(p.IDHeader), p.Tolerance.String(),
		p.TopicARN, p.Issuer, p.Audience)
}

// Proved is what a signature has proved.
type Proved struct {
	Scheme     string    // which proof was good; Prove sets it
	DeliveryID string    // empty where the scheme has none
	Signed     bool      // the signature covers DeliveryID
	Signature  string    // the one that was good; empty for a token
	At         time.Time // when it was signed; zero where the signature covers no time
}

// DeliveryKey identifies the delivery among those of its client: a repeated one has the same key. unsigned is the
// sender's DeliveryID, for proofs that have none. It is empty where equal deliveries are different ones.
func (p Proved) DeliveryKey(unsigned string, body []byte) string {
	switch {
	case p.DeliveryID != "" && p.Signed:
		return digest("id", p.DeliveryID)
	case p.DeliveryID != "" || unsigned != "":
		if p.DeliveryID != "" {
			unsigned = p.DeliveryID
		}
		// whoever repeats a captured body could give it another id, but not the other way round
		sum := sha256.Sum256(body)
		return digest("id", unsigned, string(sum[:]))
	case !p.At.IsZero():
		return digest("signature", p.Signature, strconv.FormatInt(p.At.Unix(), 10))
	}
	return ""
}

// digest has no two equal results for different parts, and one size whatever a sender writes.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Refusal is why a delivery proves nothing: a sentence for the administrator, without any part of a secret or
// signature. Callers never see it.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Refuse returns a Refusal.
func Refuse(format string, args ...any) error { return Refusal(fmt.Sprintf(format, args...)) }

const notTheClients = " is not this client's."

// RefuseToken refuses a call whose token is not the one of its client. what names the token, such as "token".
func RefuseToken(what string) error { return Refusal("The " + what + notTheClients) }

// IsWrongToken reports whether a reason is that of RefuseToken.
func IsWrongToken(reason string) bool { return strings.Contains(reason, notTheClients) }

// Mismatch is the Refusal of a signature that no secret has made over these bytes.
var Mismatch error = Refusal("The signature does not match: the secret is another one than the sender's, " +
	"or the body was changed on its way.")

// One returns the value of a header that must occur exactly once. With two values, it would be unclear which one
// counts.
func One(h http.Header, name string) (string, error) {
	switch values := h.Values(name); {
	case len(values) > 1:
		return "", Refuse("The call has more than one header %s.", name)
	case len(values) == 0 || values[0] == "":
		return "", Refuse("The call has no header %s.", name)
	default:
		return values[0], nil
	}
}

// Bearer returns the bearer token of a header; the scheme's name is case-insensitive (RFC 9110, section 11.1).
func Bearer(h http.Header) (string, error) {
	value, err := One(h, "Authorization")
	if err != nil {
		return "", err
	}
	scheme, token, _ := strings.Cut(value, " ")
	token = strings.TrimLeft(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " ,\t") {
		return "", Refuse("The header Authorization is not Bearer and a token.")
	}
	return token, nil
}

// Seconds reads the time of a signature, in seconds since 1970, and refuses one that is too old or too far ahead.
func Seconds(text string, tolerance time.Duration, now time.Time) (time.Time, error) {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, Refuse("The time of the signature is no number of seconds since 1970.")
	}
	return time.Unix(seconds, 0), Fresh(seconds, tolerance, now)
}

// Fresh refuses a time, in seconds since 1970, that is too old or too far ahead.
func Fresh(seconds int64, tolerance time.Duration, now time.Time) error {
	if tolerance <= 0 {
		tolerance = Tolerance
	}
	limit := int64(tolerance / time.Second)
	// Without a difference: of a made-up time it would overflow.
	switch {
	case seconds < now.Unix()-limit:
		return Refuse("The signature is more than %v old: the call was repeated, or a clock is wrong.", tolerance)
	case seconds > now.Unix()+limit:
		return Refuse("The time of the signature is more than %v ahead: a clock is wrong.", tolerance)
	}
	return nil
}
