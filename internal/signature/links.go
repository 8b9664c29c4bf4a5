package signature

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"beckon/internal/secret"
)

// The parameters of a signed link.
const (
	expiryParameter    = "expires" // Unix seconds
	signatureParameter = "signature"
)

// What Check says of a link that must not be opened.
var (
	ErrNoLink      = errors.New("the link was not signed here, or is incomplete")
	ErrLinkExpired = errors.New("the link has expired")
)

// Links signs links that open something until a time, with a key that follows from the gateway's own, so that all
// replicas open them.
type Links struct {
	key func() ([]byte, error)
}

// NewLinks returns what signs the links of one purpose: those of another do not pass. The key is asked for once.
func NewLinks(purpose string, key func() (secret.String, error)) *Links {
	return &Links{sync.OnceValues(func() ([]byte, error) {
		material, err := key()
		if err != nil {
			return nil, err
		}
		derived, err := hkdf.Key(sha256.New, []byte(material), nil, purpose, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive the key of links: %w", err)
		}
		return derived, nil
	})}
}

// Query returns the query of a link that opens the thing of that id until a time.
func (l *Links) Query(id string, until time.Time) (string, error) {
	expires := strconv.FormatInt(until.Unix(), 10)
	signed, err := l.sign(id, expires)
	if err != nil {
		return "", err
	}
	return expiryParameter + "=" + expires + "&" + signatureParameter + "=" +
		base64.RawURLEncoding.EncodeToString(signed), nil
}

// Check says whether a link may be opened at a time: ErrNoLink and ErrLinkExpired say that it may not, any other
// error that there is no key.
func (l *Links) Check(id string, query url.Values, now time.Time) error {
	expires := query.Get(expiryParameter)
	given, err := base64.RawURLEncoding.Strict().DecodeString(query.Get(signatureParameter))
	if err != nil {
		return ErrNoLink
	}
	wanted, err := l.sign(id, expires)
	if err != nil {
		return err
	}
	if !hmac.Equal(given, wanted) {
		return ErrNoLink
	}
	until, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return ErrNoLink
	}
	if !now.Before(time.Unix(until, 0)) {
		return ErrLinkExpired
	}
	return nil
}

func (l *Links) sign(id, expires string) ([]byte, error) {
	key, err := l.key()
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "\n" + expires))
	return mac.Sum(nil), nil
}
