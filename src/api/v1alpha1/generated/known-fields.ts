// Made from crds/ by `npm run generate`; do not edit.
import type { KnownFields } from "../shape.ts";

export const KNOWN_FIELDS: KnownFields = {
 "IdentityHold": {
  "spec": {
   "fields": {
    "namespace": "any",
    "name": "any",
    "targets": {
     "items": {
      "fields": {
       "connectionRef": {
        "fields": {
         "name": "any"
        }
       },
       "kind": {
        "words": [
         "AwsUser",
         "AwsRole",
         "VaultEntity",
         "VaultAppRole",
         "VaultDatabaseRole",
         "VaultPKIRole",
         "KubernetesServiceAccount",
         "HookTarget"
        ]
       },
       "name": "any"
      }
     }
    },
    "reason": "any",
    "compromised": "any"
   }
  },
  "status": {
   "fields": {
    "observedGeneration": "any",
    "conditions": {
     "items": {
      "fields": {
       "type": "any",
       "status": {
        "words": [
         "True",
         "False",
         "Unknown"
        ]
       },
       "reason": "any",
       "message": "any",
       "lastTransitionTime": "any",
       "observedGeneration": "any"
      }
     }
    },
    "matched": {
     "items": {
      "fields": {
       "kind": {
        "words": [
         "ServiceAccountLifecycle",
         "SecretRotation",
         "OrphanedCredential",
         "Target"
        ]
       },
       "namespace": "any",
       "name": "any",
       "state": {
        "words": [
         "Open",
         "Cut",
         "Proven",
         "Foreign"
        ]
       },
       "message": "any"
      }
     }
    },
    "matchedOmitted": "any",
    "targets": {
     "items": "any"
    }
   }
  }
 },
 "OrphanedCredential": {
  "spec": {
   "fields": {
    "origin": {
     "fields": {
      "kind": {
       "words": [
        "SecretRotation",
        "ServiceAccountLifecycle"
       ]
      },
      "namespace": "any",
      "name": "any",
      "uid": "any"
     }
    },
    "source": {
     "fields": {
      "declared": "any",
      "awsAccessKey": {
       "fields": {
        "connectionRef": {
         "fields": {
          "name": "any"
         }
        },
        "userName": "any",
        "exclusive": "any"
       }
      }
     }
    },
    "target": "any",
    "held": {
     "words": [
      "LimitReached",
      "UntilEnd"
     ]
    },
    "until": "any",
    "stagingUid": "any",
    "policy": {
     "words": [
      "Delete",
      "Disable"
     ]
    },
    "heldUntil": "any",
    "recordedAt": "any",
    "holdSeconds": "any",
    "attributionSeconds": "any",
    "credentials": {
     "items": {
      "fields": {
       "version": "any",
       "id": "any"
      }
     }
    },
    "intents": {
     "items": {
      "fields": {
       "id": "any",
       "version": "any",
       "openedAt": "any",
       "closedAt": "any",
       "providerTime": "any",
       "knownIds": {
        "items": "any"
       },
       "result": {
        "words": [
         "Succeeded",
         "RolledBack",
         "Abandoned"
        ]
       }
      }
     }
    },
    "deliveries": {
     "items": {
      "fields": {
       "name": "any",
       "version": "any",
       "target": "any",
       "place": {
        "fields": {
         "kubernetesSecret": {
          "fields": {
           "name": "any",
           "type": {
            "words": [
             "Opaque",
             "TLS",
             "BasicAuth",
             "SSHAuth",
             "DockerConfig"
            ]
           },
           "keys": {
            "members": "any"
           }
          }
         },
         "vaultKV": {
          "fields": {
           "connectionRef": {
            "fields": {
             "name": "any"
            }
           },
           "path": "any",
           "keys": {
            "members": "any"
           }
          }
         },
         "hook": {
          "fields": {
           "connectionRef": {
            "fields": {
             "name": "any"
            }
           },
           "place": "any"
          }
         }
        }
       },
       "digest": "any"
      }
     }
    },
    "sequence": "any",
    "currentVersion": "any",
    "accounts": {
     "items": {
      "fields": {
       "name": "any",
       "target": "any",
       "declaration": "any",
       "externalId": "any",
       "pieces": {
        "items": "any"
       },
       "state": {
        "words": [
         "Pending",
         "Active",
         "Leaving",
         "Cut",
         "Gone"
        ]
       },
       "enabledCredentials": {
        "items": "any"
       },
       "adopted": "any",
       "foundPieces": {
        "items": "any"
       },
       "cutAt": "any",
       "provenAt": "any",
       "proof": {
        "words": [
         "ProvenByLogin",
         "ProvenByReview",
         "ProvenByListing"
        ]
       },
       "heldUntil": "any",
       "cutWays": {
        "items": {
         "words": [
          "Deny",
          "Boundary",
          "AttachedDeny",
          "Room",
          "Grants",
          "Disable"
         ]
        }
       },
       "former": {
        "items": {
         "fields": {
          "key": "any",
          "value": "any",
          "mayDeny": "any"
         }
        }
       },
       "compromised": "any",
       "closedAt": "any"
      }
     }
    },
    "predecessors": {
     "items": "any"
    }
   }
  },
  "status": {
   "fields": {
    "observedGeneration": "any",
    "holds": {
     "items": "any"
    },
    "conditions": {
     "items": {
      "fields": {
       "type": "any",
       "status": {
        "words": [
         "True",
         "False",
         "Unknown"
        ]
       },
       "reason": "any",
       "message": "any",
       "lastTransitionTime": "any",
       "observedGeneration": "any"
      }
     }
    },
    "credentials": {
     "items": {
      "fields": {
       "version": "any",
       "id": "any",
       "state": {
        "words": [
         "Pending",
         "Disabled",
         "Deleted",
         "Proven"
        ]
       },
       "disabledAt": "any",
       "deletedAt": "any",
       "provenAt": "any",
       "proof": {
        "words": [
         "ProvenByLogin",
         "ProvenByListing",
         "ProvenByAuthority",
         "Expired"
        ]
       }
      }
     }
    },
    "failures": {
     "fields": {
      "count": "any",
      "reason": "any",
      "message": "any",
      "about": "any",
      "since": "any",
      "nextAttemptTime": "any"
     }
    },
    "activity": "any",
    "withdrawn": "any",
    "accounts": {
     "items": {
      "fields": {
       "name": "any",
       "target": "any",
       "declaration": "any",
       "externalId": "any",
       "pieces": {
        "items": "any"
       },
       "state": {
        "words": [
         "Pending",
         "Active",
         "Leaving",
         "Cut",
         "Gone"
        ]
       },
       "enabledCredentials": {
        "items": "any"
       },
       "adopted": "any",
       "foundPieces": {
        "items": "any"
       },
       "cutAt": "any",
       "provenAt": "any",
       "proof": {
        "words": [
         "ProvenByLogin",
         "ProvenByReview",
         "ProvenByListing"
        ]
       },
       "heldUntil": "any",
       "cutWays": {
        "items": {
         "words": [
          "Deny",
          "Boundary",
          "AttachedDeny",
          "Room",
          "Grants",
          "Disable"
         ]
        }
       },
       "former": {
        "items": {
         "fields": {
          "key": "any",
          "value": "any",
          "mayDeny": "any"
         }
        }
       },
       "compromised": "any",
       "closedAt": "any"
      }
     }
    },
    "takenOverBy": "any"
   }
  }
 },
 "ProviderConnection": {
  "spec": {
   "fields": {
    "budget": {
     "fields": {
      "requestsPerSecond": "any",
      "burst": "any"
     }
    },
    "retain": {
     "words": [
      "Allowed"
     ]
    },
    "allowedNamespaces": {
     "fields": {
      "mode": {
       "words": [
        "Listed",
        "All"
       ]
      },
      "names": {
       "items": "any"
      }
     }
    },
    "grants": {
     "items": {
      "fields": {
       "name": "any",
       "namespaces": {
        "items": "any"
       },
       "roles": {
        "items": {
         "fields": {
          "kind": {
           "words": [
            "Role",
            "ClusterRole"
           ]
          },
          "name": "any",
          "scope": {
           "words": [
            "Namespace",
            "Cluster"
           ]
          }
         }
        }
       },
       "policies": {
        "items": "any"
       },
       "groups": {
        "items": "any"
       },
       "inlineActions": {
        "items": "any"
       },
       "permissionsBoundary": "any"
      }
     }
    },
    "kubernetes": {
     "fields": {}
    },
    "hook": {
     "fields": {
      "job": {
       "fields": {
        "image": "any",
        "command": {
         "items": "any"
        },
        "serviceAccountName": "any",
        "timeout": "any"
       }
      },
      "url": "any",
      "caBundle": "any",
      "signingSecretRef": {
       "fields": {
        "name": "any"
       }
      },
      "allowPrivateAddresses": "any"
     }
    },
    "aws": {
     "fields": {
      "region": "any",
      "accountId": "any",
      "pathPrefix": "any",
      "endpoint": "any",
      "caBundle": "any",
      "webIdentity": {
       "fields": {
        "issuer": "any"
       }
      },
      "login": {
       "fields": {
        "defaultChain": {
         "fields": {}
        },
        "secretRef": {
         "fields": {
          "name": "any"
         }
        }
       }
      },
      "denyPolicyArn": "any",
      "assumeRole": {
       "fields": {
        "roleArn": "any",
        "externalId": "any"
       }
      }
     }
    },
    "vault": {
     "fields": {
      "address": "any",
      "caBundle": "any",
      "namespace": "any",
      "kv": {
       "fields": {
        "mount": "any",
        "pathPrefix": "any"
       }
      },
      "pki": {
       "fields": {
        "mount": "any"
       }
      },
      "databases": {
       "fields": {
        "mount": "any",
        "servers": {
         "items": {
          "fields": {
           "name": "any",
           "host": "any",
           "port": "any",
           "database": "any",
           "caBundle": "any"
          }
         }
        }
       }
      },
      "identities": {
       "fields": {
        "namePrefix": "any",
        "appRoleMount": "any",
        "jwtMount": "any"
       }
      },
      "login": {
       "fields": {
        "jwt": {
         "fields": {
          "mount": "any",
          "role": "any",
          "audience": "any"
         }
        }
       }
      }
     }
    }
   }
  },
  "status": {
   "fields": {
    "observedGeneration": "any",
    "conditions": {
     "items": {
      "fields": {
       "type": "any",
       "status": {
        "words": [
         "True",
         "False",
         "Unknown"
        ]
       },
       "reason": "any",
       "message": "any",
       "lastTransitionTime": "any",
       "observedGeneration": "any"
      }
     }
    }
   }
  }
 },
 "SecretRotation": {
  "spec": {
   "fields": {
    "identityRef": {
     "fields": {
      "name": "any"
     }
    },
    "source": {
     "fields": {
      "awsAccessKey": {
       "fields": {
        "accountRef": {
         "fields": {
          "name": "any"
         }
        },
        "connectionRef": {
         "fields": {
          "name": "any"
         }
        },
        "userName": "any",
        "exclusive": "any"
       }
      },
      "vaultDatabase": {
       "fields": {
        "connectionRef": {
         "fields": {
          "name": "any"
         }
        },
        "role": "any",
        "users": {
         "words": [
          "Alternating",
          "Single"
         ]
        },
        "acceptsOutage": "any"
       }
      },
      "generated": {
       "fields": {
        "connectionRef": {
         "fields": {
          "name": "any"
         }
        },
        "target": "any",
        "slots": "any",
        "refusals": {
         "words": [
          "Counted",
          "Free"
         ]
        },
        "password": {
         "fields": {
          "length": "any",
          "characters": {
           "items": {
            "words": [
             "Lower",
             "Upper",
             "Digits",
             "Symbols"
            ]
           }
          }
         }
        },
        "token": {
         "fields": {
          "bytes": "any",
          "prefix": "any"
         }
        },
        "sshKey": {
         "fields": {
          "algorithm": {
           "words": [
            "Ed25519",
            "RSA-4096"
           ]
          }
         }
        }
       }
      },
      "hook": {
       "fields": {
        "connectionRef": {
         "fields": {
          "name": "any"
         }
        },
        "target": "any",
        "slots": "any",
        "refusals": {
         "words": [
          "Counted",
          "Free"
         ]
        },
        "fields": {
         "items": "any"
        }
       }
      },
      "kubernetesToken": {
       "fields": {
        "connectionRef": {
         "fields": {
          "name": "any"
         }
        },
        "serviceAccountName": "any",
        "audiences": {
         "items": "any"
        },
        "ttl": "any"
       }
      },
      "vaultAppRole": {
       "fields": {
        "connectionRef": {
         "fields": {
          "name": "any"
         }
        },
        "role": "any"
       }
      },
      "vaultPKI": {
       "fields": {
        "connectionRef": {
         "fields": {
          "name": "any"
         }
        },
        "role": "any",
        "commonName": "any",
        "dnsNames": {
         "items": "any"
        },
        "ipAddresses": {
         "items": "any"
        },
        "uris": {
         "items": "any"
        },
        "ttl": "any",
        "privateKey": {
         "fields": {
          "algorithm": {
           "words": [
            "ECDSA-P256",
            "ECDSA-P384",
            "RSA-2048",
            "RSA-3072",
            "RSA-4096",
            "Ed25519"
           ]
          }
         }
        },
        "renewBefore": "any",
        "renewBeforePercentage": "any",
        "revocation": {
         "fields": {
          "mode": {
           "words": [
            "OnRetirement",
            "Never"
           ]
          }
         }
        }
       }
      }
     }
    },
    "deliver": {
     "items": {
      "fields": {
       "name": "any",
       "kubernetesSecret": {
        "fields": {
         "name": "any",
         "type": {
          "words": [
           "Opaque",
           "TLS",
           "BasicAuth",
           "SSHAuth",
           "DockerConfig"
          ]
         },
         "registry": {
          "fields": {
           "server": "any",
           "username": "any"
          }
         },
         "format": {
          "fields": {
           "mode": {
            "words": [
             "Keys",
             "Env",
             "JSON",
             "Dotenv"
            ]
           },
           "key": "any"
          }
         },
         "includePrevious": "any",
         "labels": {
          "members": "any"
         },
         "annotations": {
          "members": "any"
         },
         "keys": {
          "fields": {
           "accessKeyId": "any",
           "secretAccessKey": "any",
           "roleId": "any",
           "secretId": "any",
           "username": "any",
           "password": "any",
           "token": "any",
           "certificate": "any",
           "privateKey": "any",
           "publicKey": "any",
           "caCertificate": "any"
          }
         }
        }
       },
       "vaultKV": {
        "fields": {
         "connectionRef": {
          "fields": {
           "name": "any"
          }
         },
         "path": "any",
         "keys": {
          "fields": {
           "accessKeyId": "any",
           "secretAccessKey": "any",
           "roleId": "any",
           "secretId": "any",
           "username": "any",
           "password": "any",
           "token": "any",
           "certificate": "any",
           "privateKey": "any",
           "publicKey": "any",
           "caCertificate": "any"
          }
         }
        }
       },
       "hook": {
        "fields": {
         "connectionRef": {
          "fields": {
           "name": "any"
          }
         },
         "place": "any"
        }
       }
      }
     }
    },
    "dependents": {
     "items": {
      "fields": {
       "name": "any",
       "workload": {
        "fields": {
         "kind": {
          "words": [
           "Deployment",
           "StatefulSet",
           "DaemonSet",
           "CronJob"
          ]
         },
         "name": "any"
        }
       },
       "restart": {
        "fields": {
         "mode": {
          "words": [
           "Rollout",
           "None"
          ]
         }
        }
       },
       "external": {
        "fields": {
         "confirm": {
          "words": [
           "Annotation"
          ]
         }
        }
       },
       "order": "any",
       "timeout": "any"
      }
     }
    },
    "schedule": {
     "fields": {
      "every": "any",
      "cron": "any",
      "timeZone": "any",
      "windows": {
       "items": {
        "fields": {
         "cron": "any",
         "timeZone": "any",
         "duration": "any",
         "mode": {
          "words": [
           "Allow",
           "Deny"
          ]
         }
        }
       }
      },
      "jitter": "any"
     }
    },
    "verify": {
     "fields": {
      "mode": {
       "words": [
        "Login",
        "None"
       ]
      },
      "successes": "any",
      "soak": "any"
     }
    },
    "retire": {
     "fields": {
      "overlap": "any",
      "disableAfter": "any",
      "deleteAfter": "any",
      "requireUnusedFor": "any"
     }
    },
    "onLeak": {
     "words": [
      "RotateFirst",
      "RevokeFirst"
     ]
    },
    "progressDeadline": "any",
    "deletion": {
     "fields": {
      "policy": {
       "words": [
        "Delete",
        "Disable",
        "Retain"
       ]
      },
      "holdFor": "any",
      "timeout": "any",
      "onTimeout": {
       "words": [
        "HandOver",
        "Block"
       ]
      }
     }
    },
    "adoption": {
     "fields": {
      "mode": {
       "words": [
        "Never",
        "IfAnnotated"
       ]
      }
     }
    },
    "rollback": {
     "fields": {
      "mode": {
       "words": [
        "Effective",
        "RewriteSpec",
        "None"
       ]
      }
     }
    }
   }
  },
  "status": {
   "fields": {
    "observedGeneration": "any",
    "conditions": {
     "items": {
      "fields": {
       "type": "any",
       "status": {
        "words": [
         "True",
         "False",
         "Unknown"
        ]
       },
       "reason": "any",
       "message": "any",
       "lastTransitionTime": "any",
       "observedGeneration": "any"
      }
     }
    },
    "holds": {
     "items": "any"
    },
    "sequence": "any",
    "current": {
     "fields": {
      "version": "any",
      "id": "any",
      "issuedAt": "any",
      "expiresAt": "any",
      "verifiedAt": "any",
      "publishedAt": "any",
      "resuming": "any",
      "leaked": "any",
      "adopted": "any"
     }
    },
    "target": {
     "fields": {
      "connection": "any",
      "userName": "any",
      "claim": "any"
     }
    },
    "identityUid": "any",
    "suspension": {
     "fields": {
      "reason": {
       "words": [
        "IdentitySuspended",
        "IdentityDecommissioned"
       ]
      },
      "since": "any",
      "resumedAt": "any",
      "refused": "any"
     }
    },
    "adoptedPlaces": {
     "items": "any"
    },
    "rewrittenGeneration": "any",
    "rotation": {
     "fields": {
      "id": "any",
      "version": "any",
      "trigger": {
       "words": [
        "FirstIssue",
        "Scheduled",
        "Requested",
        "Lost",
        "Resumed",
        "Leaked"
       ]
      },
      "openedAt": "any",
      "providerTime": "any",
      "knownIds": {
       "items": "any"
      },
      "issuer": "any",
      "specHash": "any",
      "attempt": "any",
      "direction": {
       "words": [
        "Forward",
        "Back"
       ]
      },
      "because": "any",
      "credential": {
       "fields": {
        "id": "any",
        "issuedAt": "any",
        "expiresAt": "any"
       }
      },
      "previousKept": {
       "words": [
        "Kept",
        "Unavailable"
       ]
      },
      "verification": {
       "fields": {
        "successes": "any",
        "firstSuccessAt": "any",
        "refusals": "any",
        "lastTryAt": "any",
        "firstRefusalAt": "any",
        "wrongRefused": "any",
        "verifiedAt": "any"
       }
      },
      "publishedAt": "any",
      "previous": {
       "fields": {
        "version": "any",
        "id": "any",
        "issuedAt": "any",
        "expiresAt": "any",
        "verifiedAt": "any",
        "publishedAt": "any",
        "resuming": "any",
        "leaked": "any",
        "adopted": "any"
       }
      },
      "dependents": {
       "items": {
        "fields": {
         "name": "any",
         "startedAt": "any",
         "heldAt": "any",
         "doneAt": "any",
         "graceSeconds": "any"
        }
       }
      }
     }
    },
    "refusedLogins": {
     "items": {
      "fields": {
       "id": "any",
       "at": "any",
       "by": "any",
       "about": "any",
       "spent": "any"
      }
     }
    },
    "closedIntents": {
     "items": {
      "fields": {
       "id": "any",
       "version": "any",
       "openedAt": "any",
       "closedAt": "any",
       "providerTime": "any",
       "knownIds": {
        "items": "any"
       },
       "result": {
        "words": [
         "Succeeded",
         "RolledBack",
         "Abandoned"
        ]
       }
      }
     }
    },
    "pendingRevocations": {
     "items": {
      "fields": {
       "version": "any",
       "id": "any",
       "why": {
        "words": [
         "Superseded",
         "Rejected",
         "Stray"
        ]
       },
       "leaked": "any",
       "expiresAt": "any",
       "since": "any",
       "graceSeconds": "any",
       "overlapSeconds": "any",
       "disabledAt": "any",
       "deletedAt": "any"
      }
     }
    },
    "deliveries": {
     "items": {
      "fields": {
       "name": "any",
       "version": "any",
       "target": "any",
       "place": {
        "fields": {
         "kubernetesSecret": {
          "fields": {
           "name": "any",
           "type": {
            "words": [
             "Opaque",
             "TLS",
             "BasicAuth",
             "SSHAuth",
             "DockerConfig"
            ]
           },
           "keys": {
            "members": "any"
           }
          }
         },
         "vaultKV": {
          "fields": {
           "connectionRef": {
            "fields": {
             "name": "any"
            }
           },
           "path": "any",
           "keys": {
            "members": "any"
           }
          }
         },
         "hook": {
          "fields": {
           "connectionRef": {
            "fields": {
             "name": "any"
            }
           },
           "place": "any"
          }
         }
        }
       },
       "digest": "any"
      }
     }
    },
    "lastKnownGood": {
     "fields": {
      "generation": "any",
      "specHash": "any",
      "spec": "any"
     }
    },
    "quarantine": {
     "fields": {
      "specHash": "any",
      "connectionGeneration": "any",
      "generation": "any",
      "reason": "any",
      "message": "any"
     }
    },
    "failures": {
     "fields": {
      "count": "any",
      "reason": "any",
      "message": "any",
      "about": "any",
      "since": "any",
      "nextAttemptTime": "any"
     }
    },
    "revocationFailures": {
     "fields": {
      "count": "any",
      "reason": "any",
      "message": "any",
      "about": "any",
      "since": "any",
      "nextAttemptTime": "any"
     }
    },
    "lastRotationTime": "any",
    "nextRotationReason": {
     "words": [
      "Every",
      "Cron",
      "Window",
      "Expiry",
      "Requested"
     ]
    },
    "nextRotationTime": "any",
    "lastHandledRotateAt": "any",
    "lastHandledLeak": "any",
    "replacedAt": {
     "items": "any"
    },
    "lastHandledRetry": "any",
    "history": {
     "items": {
      "fields": {
       "version": "any",
       "id": "any",
       "issuedAt": "any",
       "endedAt": "any",
       "end": {
        "words": [
         "Revoked",
         "RolledBack",
         "Abandoned",
         "Stray"
        ]
       },
       "proof": {
        "words": [
         "ProvenByLogin",
         "ProvenByListing",
         "ProvenByAuthority",
         "Expired"
        ]
       }
      }
     }
    },
    "activity": "any",
    "predecessors": {
     "items": "any"
    }
   }
  }
 },
 "ServiceAccountLifecycle": {
  "spec": {
   "fields": {
    "owner": {
     "fields": {
      "team": "any",
      "contact": "any"
     }
    },
    "purpose": "any",
    "environment": "any",
    "state": {
     "words": [
      "Active",
      "Suspended",
      "Decommissioned"
     ]
    },
    "expiresAt": "any",
    "review": {
     "fields": {
      "every": "any"
     }
    },
    "accounts": {
     "items": {
      "fields": {
       "name": "any",
       "kubernetes": {
        "fields": {
         "connectionRef": {
          "fields": {
           "name": "any"
          }
         },
         "serviceAccountName": "any",
         "onCut": {
          "words": [
           "RemoveBindings",
           "DeleteServiceAccount"
          ]
         },
         "roles": {
          "items": {
           "fields": {
            "kind": {
             "words": [
              "Role",
              "ClusterRole"
             ]
            },
            "name": "any",
            "scope": {
             "words": [
              "Namespace",
              "Cluster"
             ]
            }
           }
          }
         }
        }
       },
       "aws": {
        "fields": {
         "connectionRef": {
          "fields": {
           "name": "any"
          }
         },
         "user": {
          "fields": {
           "name": "any",
           "policies": {
            "items": "any"
           },
           "inlinePolicies": {
            "items": {
             "fields": {
              "name": "any",
              "statements": {
               "items": {
                "fields": {
                 "effect": {
                  "words": [
                   "Allow",
                   "Deny"
                  ]
                 },
                 "actions": {
                  "items": "any"
                 },
                 "resources": {
                  "items": "any"
                 },
                 "conditions": {
                  "members": {
                   "members": {
                    "items": "any"
                   }
                  }
                 }
                }
               }
              }
             }
            }
           },
           "permissionsBoundary": "any",
           "groups": {
            "items": "any"
           }
          }
         },
         "role": {
          "fields": {
           "name": "any",
           "policies": {
            "items": "any"
           },
           "inlinePolicies": {
            "items": {
             "fields": {
              "name": "any",
              "statements": {
               "items": {
                "fields": {
                 "effect": {
                  "words": [
                   "Allow",
                   "Deny"
                  ]
                 },
                 "actions": {
                  "items": "any"
                 },
                 "resources": {
                  "items": "any"
                 },
                 "conditions": {
                  "members": {
                   "members": {
                    "items": "any"
                   }
                  }
                 }
                }
               }
              }
             }
            }
           },
           "permissionsBoundary": "any",
           "audience": "any",
           "maxSessionDuration": "any"
          }
         }
        }
       },
       "vault": {
        "fields": {
         "connectionRef": {
          "fields": {
           "name": "any"
          }
         },
         "policies": {
          "items": "any"
         },
         "login": {
          "fields": {
           "mode": {
            "words": [
             "AppRole",
             "JWT"
            ]
           },
           "audience": "any",
           "tokenTTL": "any"
          }
         }
        }
       }
      }
     }
    },
    "adoption": {
     "fields": {
      "mode": {
       "words": [
        "Never",
        "IfAnnotated"
       ]
      }
     }
    },
    "drift": {
     "fields": {
      "mode": {
       "words": [
        "Enforce",
        "Report"
       ]
      }
     }
    },
    "progressDeadline": "any",
    "deletion": {
     "fields": {
      "policy": {
       "words": [
        "Delete",
        "Disable",
        "Retain"
       ]
      },
      "holdFor": "any",
      "timeout": "any",
      "onTimeout": {
       "words": [
        "HandOver",
        "Block"
       ]
      }
     }
    },
    "rollback": {
     "fields": {
      "mode": {
       "words": [
        "Effective",
        "RewriteSpec",
        "None"
       ]
      }
     }
    }
   }
  },
  "status": {
   "fields": {
    "observedGeneration": "any",
    "conditions": {
     "items": {
      "fields": {
       "type": "any",
       "status": {
        "words": [
         "True",
         "False",
         "Unknown"
        ]
       },
       "reason": "any",
       "message": "any",
       "lastTransitionTime": "any",
       "observedGeneration": "any"
      }
     }
    },
    "holds": {
     "items": "any"
    },
    "endBeneath": {
     "words": [
      "Suspended",
      "Decommissioned"
     ]
    },
    "state": {
     "words": [
      "Pending",
      "Active",
      "Suspending",
      "Suspended",
      "Resuming",
      "Decommissioning",
      "Decommissioned"
     ]
    },
    "activity": "any",
    "plan": {
     "fields": {
      "generation": "any",
      "digest": "any",
      "lines": {
       "items": "any"
      },
      "omitted": "any"
     }
    },
    "accounts": {
     "items": {
      "fields": {
       "name": "any",
       "target": "any",
       "declaration": "any",
       "externalId": "any",
       "pieces": {
        "items": "any"
       },
       "state": {
        "words": [
         "Pending",
         "Active",
         "Leaving",
         "Cut",
         "Gone"
        ]
       },
       "enabledCredentials": {
        "items": "any"
       },
       "adopted": "any",
       "foundPieces": {
        "items": "any"
       },
       "cutAt": "any",
       "provenAt": "any",
       "proof": {
        "words": [
         "ProvenByLogin",
         "ProvenByReview",
         "ProvenByListing"
        ]
       },
       "heldUntil": "any",
       "cutWays": {
        "items": {
         "words": [
          "Deny",
          "Boundary",
          "AttachedDeny",
          "Room",
          "Grants",
          "Disable"
         ]
        }
       },
       "former": {
        "items": {
         "fields": {
          "key": "any",
          "value": "any",
          "mayDeny": "any"
         }
        }
       },
       "compromised": "any",
       "closedAt": "any"
      }
     }
    },
    "requesters": {
     "items": {
      "fields": {
       "privilege": "any",
       "username": "any",
       "uid": "any",
       "groups": {
        "items": "any"
       },
       "generation": "any"
      }
     }
    },
    "ownerRecord": {
     "fields": {
      "team": "any",
      "contact": "any",
      "environment": "any"
     }
    },
    "moves": {
     "items": {
      "fields": {
       "field": {
        "words": [
         "team",
         "contact",
         "environment"
        ]
       },
       "from": "any",
       "to": "any",
       "time": "any",
       "by": "any"
      }
     }
    },
    "lastKnownGood": {
     "fields": {
      "generation": "any",
      "specHash": "any",
      "spec": "any"
     }
    },
    "quarantine": {
     "fields": {
      "specHash": "any",
      "connectionGeneration": "any",
      "generation": "any",
      "reason": "any",
      "message": "any"
     }
    },
    "exchangeSince": "any",
    "triedAdditions": {
     "items": "any"
    },
    "rewrittenGeneration": "any",
    "narrowed": "any",
    "removalsSince": {
     "fields": {
      "generation": "any",
      "time": "any"
     }
    },
    "failures": {
     "fields": {
      "count": "any",
      "reason": "any",
      "message": "any",
      "about": "any",
      "since": "any",
      "nextAttemptTime": "any"
     }
    },
    "leaveFailures": {
     "fields": {
      "count": "any",
      "reason": "any",
      "message": "any",
      "about": "any",
      "since": "any",
      "nextAttemptTime": "any"
     }
    },
    "drift": {
     "items": "any"
    },
    "inventory": {
     "fields": {
      "credentials": "any",
      "oldestCredentialTime": "any",
      "unknownCredentials": {
       "items": "any"
      }
     }
    },
    "review": {
     "fields": {
      "lastTime": "any",
      "dueTime": "any"
     }
    },
    "lastHandledRetry": "any",
    "permittedUntil": "any",
    "permittedReturn": "any",
    "rules": {
     "items": {
      "words": [
       "RetainByPermission"
      ]
     }
    },
    "predecessors": {
     "items": "any"
    }
   }
  }
 }
};
