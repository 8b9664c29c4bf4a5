package web

import (
	"errors"
	"fmt"

	"github.com/alexedwards/argon2id"
)

// hashParams is what a hash costs, by OWASP's password storage cheat sheet: 19 MiB, two passes, one lane.
var hashParams = &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// hashPassword returns the argon2id hash of a password in the PHC string format, with what is needed to check it.
func hashPassword(password string) string {
	hash, _ := argon2id.CreateHash(password, hashParams) // only crypto/rand could fail, which never does
	return hash
}

// checkHash reports why nothing can be compared with a stored hash. The library does not mind an empty key, which every
// password matches, and panics where a cost is zero.
func checkHash(hash string) error {
	params, _, _, err := argon2id.DecodeHash(hash)
	if err == nil && (params.Iterations == 0 || params.Parallelism == 0 || params.KeyLength != hashParams.KeyLength) {
		err = errors.New("its costs or its key cannot be those of a hash")
	}
	if err != nil {
		return fmt.Errorf("read the stored hash of the password: %w", err)
	}
	return nil
}

// matches reports whether hash is that of password. The costs are those in the hash, so that it survives a change of
// hashParams.
func matches(hash, password string) (bool, error) {
	if err := checkHash(hash); err != nil {
		return false, err
	}
	return argon2id.ComparePasswordAndHash(password, hash)
}
