# A product with a price, and a customer who has committed to 12,000 a year, as code. README.md says how to run it.

terraform {
  required_providers {
    m3ter = {
      source  = "m3ter-com/m3ter"
      version = ">= 0.6"
    }
  }
}

# Everything comes from the environment: M3TER_BASE_URL, M3TER_ORG_ID, M3TER_API_KEY, M3TER_API_SECRET.
provider "m3ter" {}

variable "start" {
  description = "First day of the contract."
  type        = string
  default     = "2026-01-01"
}

variable "end" {
  description = "The day after its last one."
  type        = string
  default     = "2027-01-01"
}

# ---- what is sold

resource "m3ter_product" "gateway" {
  code = "gateway"
  name = "Gateway"
}

resource "m3ter_meter" "gateway" {
  code       = "gateway"
  name       = "Gateway"
  product_id = m3ter_product.gateway.id
  data_fields = [{
    code     = "requests"
    name     = "Requests"
    category = "MEASURE"
    unit     = "1"
  }]
  derived_fields = []
}

resource "m3ter_aggregation" "requests" {
  code              = "requests"
  name              = "Requests"
  meter_id          = m3ter_meter.gateway.id
  target_field      = "requests"
  aggregation       = "SUM"
  rounding          = "UP"
  quantity_per_unit = 1000
  unit              = "thousand requests"
}

resource "m3ter_plan_template" "monthly" {
  code            = "gateway-monthly"
  name            = "Monthly"
  product_id      = m3ter_product.gateway.id
  currency        = "USD"
  bill_frequency  = "MONTHLY"
  standing_charge = 0
}

resource "m3ter_plan" "standard" {
  code             = "gateway-standard"
  name             = "Gateway, standard"
  plan_template_id = m3ter_plan_template.monthly.id
}

# The first million requests of a month at 2.00 a thousand, what goes beyond at 1.50.
resource "m3ter_pricing" "requests" {
  code           = "gateway-requests"
  plan_id        = m3ter_plan.standard.id
  aggregation_id = m3ter_aggregation.requests.id
  start_date     = var.start
  cumulative     = true
  pricing_bands = [
    { lower_limit = 0, fixed_price = 0, unit_price = 2 },
    { lower_limit = 1000, fixed_price = 0, unit_price = 1.5 },
  ]
}

# ---- who has bought it

resource "m3ter_account" "initech" {
  code          = "initech"
  name          = "Initech"
  email_address = "billing@initech.example"
}

resource "m3ter_account_plan" "initech" {
  account_id = m3ter_account.initech.id
  plan_id    = m3ter_plan.standard.id
  start_date = var.start
}

# 3,000 are paid; the other 9,000 are billed in twelve monthly fees. What goes beyond costs 10 % more.
resource "m3ter_commitment" "initech" {
  account_id                   = m3ter_account.initech.id
  currency                     = "USD"
  amount                       = 12000
  amount_pre_paid              = 3000
  start_date                   = var.start
  end_date                     = var.end
  billing_plan_id              = m3ter_plan.standard.id
  billing_interval             = 1
  billing_offset               = 0
  overage_surcharge_percent    = 10
  commitment_fee_description   = "Monthly fee"
  commitment_usage_description = "Paid from the commitment"
}

output "account_id" {
  value = m3ter_account.initech.id
}

output "commitment_id" {
  value = m3ter_commitment.initech.id
}
