/**
 * The resources of the API as the page uses them. Unknown fields are ignored.
 *
 * @typedef {"queued"|"running"|"retrying"|"succeeded"|"partially_succeeded"|"failed"|"blocked"|"canceled"|"expired"} Status
 *
 * @typedef {object} Money
 * @property {string | null} amount
 * @property {string} currency
 * @property {"exact"|"estimated"|"unknown"} status
 *
 * @typedef {object} CostRange
 * @property {string | null} min
 * @property {string | null} max
 * @property {string} currency
 * @property {"exact"|"estimated"|"unknown"} status
 *
 * @typedef {object} ImageRequest
 * @property {string} prompt
 * @property {string | null} [negative_prompt]
 * @property {number} n
 * @property {string | null} [size]
 * @property {string | null} [aspect_ratio]
 * @property {number | null} [seed]
 * @property {string | null} [style]
 * @property {string | null} [output_format]
 * @property {number | null} [steps]
 * @property {number | null} [guidance]
 * @property {string | null} [quality]
 * @property {string | null} [model]
 *
 * @typedef {object} JobImage
 * @property {string} id
 * @property {string} job_id
 * @property {number} index
 * @property {number | null} seed
 * @property {number} width
 * @property {number} height
 * @property {string} content_type
 * @property {number} bytes
 * @property {string} content_url
 * @property {{"320": string, "960": string}} thumb_urls
 * @property {string} created_at
 *
 * @typedef {object} GalleryFields
 * @property {string} prompt
 * @property {string | null} model
 * @property {string | null} provider
 * @property {string | null} blurhash
 * @property {{code: string, detail: string} | null} error
 * @property {string | null} trashed_at
 * @property {number} version
 *
 * @typedef {JobImage & GalleryFields} Image
 *
 * @typedef {object} Attempt
 * @property {string} id
 * @property {string} model
 * @property {string | null} started_at
 * @property {string | null} finished_at
 * @property {string} outcome
 * @property {{code: string, detail: string} | null} error
 * @property {number | null} http_status
 * @property {string | null} provider_request_id
 * @property {Money} cost
 *
 * @typedef {object} Job
 * @property {string} id
 * @property {Status} status
 * @property {boolean} done
 * @property {number} version
 * @property {ImageRequest} request
 * @property {string | null} model
 * @property {number} progress
 * @property {JobImage[]} images
 * @property {Attempt[]} [attempts]
 * @property {Money} cost
 * @property {{code: string, detail: string, retryable: boolean} | null} error
 * @property {string} created_at
 * @property {string | null} started_at
 * @property {string | null} finished_at
 *
 * @typedef {object} Capabilities
 * @property {string[]} sizes
 * @property {string[]} aspect_ratios
 * @property {number} max_n
 * @property {boolean} seed
 * @property {boolean} negative_prompt
 * @property {string[]} output_formats
 * @property {[number, number] | null} [steps]  the least and the most; null: it takes none
 * @property {[number, number] | null} [guidance]
 * @property {string[]} [qualities]
 *
 * @typedef {object} Model
 * @property {string} id
 * @property {string} name
 * @property {string} provider
 * @property {string[]} [aliases]
 * @property {boolean} available
 * @property {Capabilities} capabilities
 * @property {Money} [price]
 *
 * @typedef {{id: string, name: string, description: string}} Style
 */

/**
 * @template T
 * @typedef {{items: T[], next_cursor: string | null}} List
 */

/**
 * @typedef {{id?: string, event?: string, data?: any}} Message
 */

export {};
