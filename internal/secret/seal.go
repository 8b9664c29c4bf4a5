package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// SealedPrefix begins every sealed secret.
const SealedPrefix = "sealed:v1:"

var reference = regexp.MustCompile(`^\$\{([A-Za-z0-9_]+)\}$`)

// IsReference reports whether s names a variable of the environment ("${OPENAI_API_KEY}") instead of being a secret.
func (s String) IsReference() bool { return reference.MatchString(string(s)) }

// Reference returns the name of the variable that s refers to; ok says that it refers to one.
func (s String) Reference() (name string, ok bool) {
	m := reference.FindStringSubmatch(string(s))
	if m == nil {
		return "", false
	}
	return m[1], true
}

// Shown is s as it may be shown: the name of a variable is no secret.
func (s String) Shown() string {
	if s.IsReference() {
		return s.Reveal()
	}
	return s.mask()
}

// Sealer encrypts secrets for the database with AES-256-GCM.
type Sealer struct {
	aead     func() (cipher.AEAD, error)
	digest   func() ([]byte, error) // the key of Digest
	previous *Sealer                // opens what the key of before has sealed; nil for none
}

// WithPrevious returns a sealer that also opens what the key before a change has sealed; an empty one is none.
func (x *Sealer) WithPrevious(key String) *Sealer {
	if key == "" {
		return x
	}
	return &Sealer{x.aead, x.digest, NewSealer(func() (String, error) { return key, nil })}
}

var sealedText = regexp.MustCompile(regexp.QuoteMeta(SealedPrefix) + `[A-Za-z0-9+/]+`)

// Reseal seals everything anew that is sealed in a text, as far as it is sealed with the previous key, and leaves
// all else as it is. lost counts what opens with neither key.
func (x *Sealer) Reseal(text, context string) (resealed string, lost int, err error) {
	current := &Sealer{aead: x.aead}
	resealed = sealedText.ReplaceAllStringFunc(text, func(sealed string) string {
		if _, failed := current.Open(sealed, context); failed == nil {
			return sealed
		}
		plain, failed := x.Open(sealed, context)
		if failed != nil {
			lost++
			return sealed
		}
		anew, failed := current.Seal(plain, context)
		if failed != nil {
			err = failed
			return sealed
		}
		return anew
	})
	return resealed, lost, err
}

// NewSealer returns a sealer whose key is derived from what key returns. key is called once, and only when there is
// something to seal or to open.
func NewSealer(key func() (String, error)) *Sealer {
	key = sync.OnceValues(key)
	derive := func(use string) ([]byte, error) {
		material, err := key()
		if err != nil {
			return nil, err
		}
		derived, err := hkdf.Key(sha256.New, []byte(material), nil, use, 32)
		if err != nil {
			return nil, fmt.Errorf("derive the secrets key: %w", err)
		}
		return derived, nil
	}
	return &Sealer{
		aead: sync.OnceValues(func() (cipher.AEAD, error) {
			derived, err := derive("beckon secrets v1")
			if err != nil {
				return nil, err
			}
			block, err := aes.NewCipher(derived)
			if err != nil {
				return nil, fmt.Errorf("derive the secrets key: %w", err)
			}
			return cipher.NewGCM(block)
		}),
		digest: sync.OnceValues(func() ([]byte, error) { return derive("beckon digests v1") }),
	}
}

// Digest returns what a text may be known by that is not kept: the same for the same text and context, and telling
// nothing of it without the key.
func (x *Sealer) Digest(text, context string) (string, error) {
	key, err := x.digest()
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%d:%s%s", len(context), context, text)
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// Seal returns the form of s that may be stored. context binds it to its place, so that a sealed value copied to
// another one does not open there. An empty secret and a reference stay as they are.
func (x *Sealer) Seal(s String, context string) (string, error) {
	if s == "" || s.IsReference() {
		return string(s), nil
	}
	if s == Lost || s == Removed {
		return "", errors.New("a secret that is none is not kept")
	}
	aead, err := x.aead()
	if err != nil {
		return "", err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return SealedPrefix + base64.RawStdEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(s), []byte(context))), nil
}

// Open is the inverse of Seal.
func (x *Sealer) Open(stored, context string) (String, error) {
	if stored == "" || String(stored).IsReference() {
		return String(stored), nil
	}
	encoded, ok := strings.CutPrefix(stored, SealedPrefix)
	data, err := base64.RawStdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return "", errors.New("a stored secret is not in the form that this version of Beckon writes")
	}
	aead, err := x.aead()
	if err != nil {
		return "", err
	}
	if len(data) < aead.NonceSize() {
		return "", errors.New("a stored secret is cut off")
	}
	plain, err := aead.Open(nil, data[:aead.NonceSize()], data[aead.NonceSize():], []byte(context))
	if err != nil && x.previous != nil {
		return x.previous.Open(stored, context)
	}
	if err != nil {
		return "", errors.New("a stored secret does not open with this secrets key: " +
			"is server.secretsKey the one it was sealed with?")
	}
	return String(plain), nil
}
