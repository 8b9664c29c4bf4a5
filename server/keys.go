package server

import (
	"encoding/base64"
	"net/http"

	"github.com/labstack/echo/v4"

	"beckon/internal/signature"
)

// jsonWebKey is a public key as RFC 8037 has it, with the form that the Standard Webhooks libraries take beside it.
type jsonWebKey struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	KeyID     string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Standard  string `json:"standardWebhooks"`
}

// webhookKeys answers with the keys that verify what is signed with standard-ed25519.
func (s *Server) webhookKeys(c echo.Context) error {
	list, err := s.Calls.Deliveries.PublicKeys()
	if err != nil {
		return err
	}
	keys := make([]jsonWebKey, len(list))
	for i, k := range list {
		keys[i] = jsonWebKey{
			"OKP", "Ed25519", base64.RawURLEncoding.EncodeToString(k.Key), k.ID, "sig", "EdDSA",
			signature.EncodePublicKey(k.Key),
		}
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=300")
	return c.JSON(http.StatusOK, map[string]any{"keys": keys})
}
