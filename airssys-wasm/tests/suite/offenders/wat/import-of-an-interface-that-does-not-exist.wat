;; Imports a function that the host does not have.
;;
;; expect: load acme:bank/vault@1.0.0
(component
  (import "acme:bank/vault@1.0.0" (instance (export "open" (func)))))
