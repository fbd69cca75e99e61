using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Grid.Client;
using Grid.Server.Chaos.Faults;

namespace Grid.Server.Chaos;

/// <summary>The file of <c>grid chaos --plan</c>: a JSON array of rounds, each with what is different in it from the command line.</summary>
internal static class PlanFile
{
    /// <summary>Rounds of a plan.</summary>
    public const int RoundsMax = 10_000;

    private static readonly string WhatRoundsHave =
        $"A round may have seed, seconds, count, faults (of {string.Join(", ", Enum.GetNames<FaultKind>())}), overlap, durability ({string.Join(" or ", Enum.GetNames<Durability>())}), mustLose.";

    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        AllowTrailingCommas = true,
        Converters = { new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false) },
        ReadCommentHandling = JsonCommentHandling.Skip,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    /// <summary>Reads it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="standard">What holds for a round that does not say otherwise; the seed is that of the first round, and each further one has the next.</param>
    /// <exception cref="CommandException">It cannot be read, or what it says cannot be done.</exception>
    public static IReadOnlyList<RoundPlan> Read(string path, RoundPlan standard)
    {
        PlannedRound?[]? rounds;
        try
        {
            rounds = JsonSerializer.Deserialize<PlannedRound?[]>(File.ReadAllBytes(path), Format);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Usage, $"--plan: {path} cannot be read: {failure.Message}", failure);
        }
        catch (JsonException wrong)
        {
            throw new CommandException(ExitCode.Usage, $"--plan: {path} is not an array of rounds: {wrong.Message} {WhatRoundsHave}", wrong);
        }

        if (rounds is not { Length: > 0 and <= RoundsMax })
            throw new CommandException(ExitCode.Usage, $"--plan: {path} has {rounds?.Length ?? 0} rounds; it must have from 1 to {RoundsMax}.");
        return [.. rounds.Select((round, i) => (round ?? new PlannedRound())
            .Over(standard with { Seed = unchecked(standard.Seed + i) })
            .Checked(string.Create(CultureInfo.InvariantCulture, $"--plan: {path}, round {i}")))];
    }

    private sealed record PlannedRound
    {
        public int? Seed { get; init; }

        public double? Seconds { get; init; }

        public int? Count { get; init; }

        public FaultKind[]? Faults { get; init; }

        public bool? Overlap { get; init; }

        public Durability? Durability { get; init; }

        public bool? MustLose { get; init; }

        public RoundPlan Over(RoundPlan standard) => new()
        {
            Seed = Seed ?? standard.Seed,
            Time = Seconds is { } seconds ? RoundPlan.TimeOf(seconds) : standard.Time,
            FaultsMax = Count ?? standard.FaultsMax,
            Faults = Faults ?? standard.Faults,
            Overlap = Overlap ?? standard.Overlap,
            Durability = Durability ?? standard.Durability,
            MustLose = MustLose ?? standard.MustLose,
        };
    }
}
