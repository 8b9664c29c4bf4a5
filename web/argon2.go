package web

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What a hash costs, by OWASP's password storage cheat sheet: 19 MiB, two passes, one lane.
const (
	argonMemory = 19 << 10 // KiB
	argonPasses = 2
	argonLanes  = 1
	argonSalt   = 16
	argonKey    = 32
)

const (
	hashPrefix = "$argon2id$" // of every hash
	// phcFormat is the PHC string format of argon2id, up to the salt.
	phcFormat = hashPrefix + "v=%d$m=%d,t=%d,p=%d$"
)

// hashPassword returns the argon2id hash of a password, with what is needed to check it.
func hashPassword(password string) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails
	key := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonLanes, argonKey)
	return fmt.Sprintf(phcFormat, argon2.Version, argonMemory, argonPasses, argonLanes) +
		base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(key)
}

// matches reports whether hash is that of password. The costs are those in the hash, so that it survives a change of ours.
func matches(hash, password string) (bool, error) {
	var version int
	var memory, passes uint32
	var lanes uint8
	if _, err := fmt.Sscanf(hash, phcFormat, &version, &memory, &passes, &lanes); err != nil || version != argon2.Version {
		return false, fmt.Errorf("the stored hash of the password is not argon2id")
	}
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || passes == 0 || lanes == 0 {
		return false, fmt.Errorf("the stored hash of the password is incomplete")
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("decode the salt of the password: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) != argonKey {
		return false, fmt.Errorf("the stored hash of the password has a key that cannot be one")
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, argonKey)
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}
