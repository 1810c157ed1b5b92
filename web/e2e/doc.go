// Package e2e tests the product end to end: the real gateway, the real agent program and a browser. It contains tests only.
package e2e
