;; Asks for more table elements at its start than its limit allows.
;;
;; expect: start table
(module (table 1000000 funcref))
