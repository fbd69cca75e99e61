namespace Grid.Replication.Primary;

/// <summary>What a sync window decided when it closed.</summary>
/// <param name="Reason">The codec, and why.</param>
/// <param name="Members">Silos of the cohort.</param>
/// <param name="CannotDecode">Those of them that do not decode LZ4, whether or not that decided anything.</param>
/// <param name="LeftForNext">Silos that waited as well and get the snapshot after this one: by <see cref="MixedCohort.Split"/>, or beyond <see cref="PrimaryOptions.MaxCohort"/>.</param>
/// <param name="Text">The same in words, with the base and the transport.</param>
public sealed record WindowDecision(CodecReason Reason, IReadOnlyList<string> Members, IReadOnlyList<string> CannotDecode, IReadOnlyList<string> LeftForNext, string Text);
