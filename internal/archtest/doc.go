// Package archtest holds tests only: they keep the code to what ARCHITECTURE.md says of it.
package archtest
