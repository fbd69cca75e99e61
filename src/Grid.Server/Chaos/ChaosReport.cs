using Grid.Server.Chaos.Histories;

namespace Grid.Server.Chaos;

/// <summary>What a round of chaos came to.</summary>
internal sealed record ChaosReport
{
    /// <summary>The seed of this round.</summary>
    public int Seed { get; init; }

    /// <summary>Whether acknowledged writes had to be lost in this round, and found to be.</summary>
    public bool MustLose { get; init; }

    /// <summary>The faults, in order, with the milliseconds until the cluster was whole again where that was waited for.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];

    /// <summary>Calls by what their clients were told.</summary>
    public IReadOnlyDictionary<string, int> Outcomes { get; init; } = new Dictionary<string, int>();

    /// <summary>The longest call, in milliseconds.</summary>
    public double LongestMs { get; init; }

    /// <summary>Keys whose histories were checked.</summary>
    public int Keys { get; init; }

    /// <summary>Keys whose histories no order explains: a write was lost, a read was wrong, a refused write took effect.</summary>
    public int Violated { get; init; }

    /// <summary>Keys whose histories were too much to check.</summary>
    public int GaveUp { get; init; }

    /// <summary>Writes beside the histories that were acknowledged, and looked for.</summary>
    public long FloodWrites { get; init; }

    /// <summary>Calls beside the histories that failed, or whose outcome is not known.</summary>
    public long FloodFailed { get; init; }

    /// <summary>What was read beside the histories and cannot be: an acknowledged write was lost.</summary>
    public IReadOnlyList<string> FloodWrong { get; init; } = [];

    /// <summary>Shards whose copies differ in the end.</summary>
    public int Differing { get; init; }

    /// <summary>Shards that have lost all copies of their in-sync set, and say so; none but with overlapping faults.</summary>
    public int Unavailable { get; init; }

    /// <summary>Failures that the client's contract does not know.</summary>
    public IReadOnlyList<string> Unexpected { get; init; } = [];

    /// <summary>What went wrong otherwise; null if nothing did.</summary>
    public string? Problem { get; init; }

    /// <summary>Where the evidence is; null where nothing is wrong.</summary>
    public string? Evidence { get; init; }

    /// <summary>True if everything is as promised; where writes had to be lost, if the checker found it and nothing else was wrong.</summary>
    public bool IsGood => Violated > 0 == MustLose && GaveUp == 0 && Differing == 0 && FloodWrong.Count == 0 && Problem is null;

    /// <summary>Counts outcomes.</summary>
    public static IReadOnlyDictionary<string, int> Count(History history) => history.Operations
        .GroupBy(static operation => HistoryText.NameOf(operation.Outcome))
        .OrderBy(static group => group.Key, StringComparer.Ordinal)
        .ToDictionary(static group => group.Key, static group => group.Count());
}
