package clients

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"math/big"
	"strings"
	"time"

	"beckon/internal/secret"
)

const (
	tokenPrefix = "mgc_"
	tokenBytes  = 32
	tokenDigits = 43 // of 256 bits in base 62
)

// NewToken makes a token: "mgc_" and 32 random bytes in base62.
func NewToken() secret.String {
	raw := make([]byte, tokenBytes)
	_, _ = rand.Read(raw) // never fails
	digits := new(big.Int).SetBytes(raw).Text(62)
	return secret.String(tokenPrefix + strings.Repeat("0", tokenDigits-len(digits)) + digits)
}

// Hash is the SHA-256 of a token. It is all that is kept of one: a token has 256 random bits, so there is nothing to
// guess that a slow hash would have to protect.
type Hash [sha256.Size]byte

// HashOf returns the hash of a token.
func HashOf(token string) Hash { return sha256.Sum256([]byte(token)) }

// Credential is a token that a client may use until it expires; the zero time is never.
type Credential struct {
	Hash    Hash
	Expires time.Time
}

// maxCredentials is how many tokens of a client may be alive at once: the new one and, for a while, the old one.
const maxCredentials = 2

// credentials holds a fixed number of slots so that checking a token takes the same time whether a client has one
// token, two, or doesn't exist.
type credentials struct {
	slots   [maxCredentials]Hash
	expires [maxCredentials]time.Time
}

// nobody matches no token: nobody knows what its slots are the hash of.
var nobody = func() (c credentials) {
	for i := range c.slots {
		_, _ = rand.Read(c.slots[i][:])
	}
	return c
}()

func newCredentials(list []Credential) credentials {
	c := nobody
	for i, cred := range list[:min(len(list), maxCredentials)] {
		c.slots[i], c.expires[i] = cred.Hash, cred.Expires
	}
	return c
}

// match compares with every slot, and looks at the time only after that.
func (c *credentials) match(hash Hash, now time.Time) bool {
	matched := 0
	for i := range c.slots {
		alive := 0
		if c.expires[i].IsZero() || now.Before(c.expires[i]) {
			alive = 1
		}
		matched |= alive & subtle.ConstantTimeCompare(c.slots[i][:], hash[:])
	}
	return matched == 1
}
