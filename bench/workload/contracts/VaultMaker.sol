// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Vault} from "./Vault.sol";

/// Deploys from inside a call: CREATE2 of a whole contract, CREATE of a minimal proxy.
contract VaultMaker {
    address public immutable model;

    event Made(address vault);

    constructor() {
        model = address(new Vault(address(this)));
    }

    function make(bytes32 salt) external payable returns (Vault vault) {
        vault = new Vault{salt: salt, value: msg.value}(msg.sender);
        emit Made(address(vault));
    }

    function clone() external returns (address vault) {
        vault = Clones.clone(model);
        emit Made(vault);
    }
}
