;; Is a component without any export of the contract.
;;
;; expect: load lifecycle
(component)
