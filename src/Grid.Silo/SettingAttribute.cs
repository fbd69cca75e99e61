namespace Grid.Silo;

/// <summary>
/// What a setting may be and when a change of it holds. Checks at start, the reference page and the JSON schema are all made from this, from the
/// property's documentation and from its default; nothing about a setting is said twice.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SettingAttribute : Attribute
{
    /// <summary>The least value.</summary>
    public long Least { get; init; } = long.MinValue;

    /// <summary>The greatest value.</summary>
    public long Most { get; init; } = long.MaxValue;

    /// <summary>True when 0 may be given beside the range, for "no bound" or "none".</summary>
    public bool OrZero { get; init; }

    /// <summary>Another setting of the section below which this one must not be; empty for none.</summary>
    public string NotBelow { get; init; } = "";

    /// <summary>Another setting of the section above which this one must not be; empty for none.</summary>
    public string NotAbove { get; init; } = "";

    /// <summary>True when text must be there; what to do otherwise is in <see cref="Remedy"/>.</summary>
    public bool Required { get; init; }

    /// <summary>What to do when the value is wrong, as a sentence; empty when the range says it.</summary>
    public string Remedy { get; init; } = "";

    /// <summary>Why a change holds only for a silo that starts anew; empty for a setting that can be changed while it runs.</summary>
    public string FixedBecause { get; init; } = "";

    /// <summary>True when the value is, or contains, a secret: it is never shown.</summary>
    public bool Secret { get; init; }
}
