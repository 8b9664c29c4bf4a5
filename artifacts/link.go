package artifacts

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Path is the path that links have, in front of the id of their artifact.
const Path = "/a/"

// The parameters of a link.
const (
	expiryParameter    = "expires" // Unix seconds
	signatureParameter = "signature"
)

// signer signs links with a key that follows from the gateway's own, so that all replicas open them.
type signer struct {
	key func() ([]byte, error)
}

func newSigner(key func() (secret.String, error)) *signer {
	return &signer{sync.OnceValues(func() ([]byte, error) {
		material, err := key()
		if err != nil {
			return nil, err
		}
		derived, err := hkdf.Key(sha256.New, []byte(material), nil, "beckon artifact links v1", sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive the key of links: %w", err)
		}
		return derived, nil
	})}
}

// sign returns what proves that a link to an artifact was made here.
func (s *signer) sign(id, expires string) ([]byte, error) {
	key, err := s.key()
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "\n" + expires))
	return mac.Sum(nil), nil
}

// Link is an address that opens an artifact until a time. The zero one is of a gateway without a key: see Config.
type Link struct {
	URL       string
	ExpiresAt time.Time
}

// Link signs a link that whoever has it may open.
func (s *Service) Link(id string) Link {
	expires := s.Now().Add(s.LinkTTL).UTC().Truncate(time.Second)
	path := s.pathUntil(id, expires)
	if path == "" {
		return Link{}
	}
	return Link{s.PublicURL + path, expires}
}

// PathFor signs a link for a page of ours, without what it begins with. It is the same for an hour, so that a page that is
// drawn again does not load what it shows again.
func (s *Service) PathFor(id string) string {
	return s.pathUntil(id, s.Now().Truncate(time.Hour).Add(2*time.Hour))
}

// pathUntil is empty where there is no key.
func (s *Service) pathUntil(id string, until time.Time) string {
	expires := strconv.FormatInt(until.Unix(), 10)
	signature, err := s.signer.sign(id, expires)
	if err != nil {
		s.Log.Warn("links to artifacts cannot be signed", "error", err)
		return ""
	}
	return Path + id + "?" + expiryParameter + "=" + expires + "&" + signatureParameter + "=" + base64.RawURLEncoding.EncodeToString(signature)
}

// Check says whether a link may be opened now: a NotFound that it was not made here, a Gone that its time is over. An artifact
// that was removed has links that pass.
func (s *Service) Check(id string, query url.Values) error {
	expires := query.Get(expiryParameter)
	signature, err := base64.RawURLEncoding.Strict().DecodeString(query.Get(signatureParameter))
	if err != nil {
		return errNoLink
	}
	wanted, err := s.signer.sign(id, expires)
	if err != nil {
		return unavailable(err)
	}
	if !hmac.Equal(signature, wanted) {
		return errNoLink
	}
	until, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return errNoLink
	}
	if !s.Now().Before(time.Unix(until, 0)) {
		return errExpired
	}
	return nil
}

var (
	errNoLink = problem.New(problem.NotFound, codeNotFound,
		"There is no such artifact, or the link to it is not whole.")
	errExpired = problem.New(problem.Gone, "link_expired", "This link has expired. Read the run again to get a new one.")
)
